//! Rendering without sending.

use crate::run::{FAILED, Place};

#[test]
fn each_form_is_written_to_stdout() {
    let place = Place::new();
    let render =
        |format: &str| place.pipe(FAILED, &["render", "--report", "-", "--format", format]);
    let blocks = render("blocks").json();
    assert_eq!(blocks["attachments"][0]["blocks"][0]["type"], "section");
    let attachment = render("attachment").json();
    assert_eq!(
        attachment["attachments"][0]["fields"][0]["title"],
        "Environment"
    );
    assert_eq!(render("json").json()["event"], "deployment-failed");
    assert!(
        render("text")
            .stdout
            .starts_with("Deployment to dev failed\n")
    );
    assert_eq!(
        place.pipe(FAILED, &["render", "--report", "-"]).json(),
        blocks
    );
}

#[test]
fn a_page_shows_the_card() {
    let place = Place::new();
    let ended = place.pipe(FAILED, &["render", "--report", "-", "--html", "card.html"]);
    ended.assert_said(0, &["`card.html`"]);
    assert_eq!(ended.stdout, "");
    let page = std::fs::read_to_string(place.path().join("card.html")).unwrap();
    assert!(
        page.contains("❌ Deployment to dev failed") && !page.contains("<!channel>"),
        "{page}"
    );
    let piped = place.pipe(FAILED, &["render", "--report", "-", "--html", "-"]);
    assert_eq!(piped.stdout.trim_end(), page.trim_end());
    place
        .pipe(
            FAILED,
            &["render", "--report", "-", "--html", "-", "--format", "text"],
        )
        .assert_said(2, &["both want stdout"]);
    place
        .pipe(
            FAILED,
            &["render", "--report", "-", "--html", "no/such/card.html"],
        )
        .assert_said(2, &["cannot write"]);
}
