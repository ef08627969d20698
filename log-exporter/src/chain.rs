//! Reading manifests out of an archive.

use crate::manifest::{Chain, Manifest};
use crate::retry::Retry;
use crate::{Archive, Error, Layout, Listed, Place, Window};

/// Every object below a prefix.
pub(crate) async fn keys<A: Archive + ?Sized>(
    archive: &A,
    prefix: &str,
    retry: &Retry<'_>,
) -> Result<Vec<Listed>, Error> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = retry
            .call(|| archive.list(prefix, after.as_deref()))
            .await?;
        all.extend(page.objects);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// The manifests of a window. A gap in their numbers is damage: a manifest is only written when all before it are there.
pub(crate) async fn load<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    window: Window,
    retry: &Retry<'_>,
) -> Result<Chain, Error> {
    let prefix = layout.window_manifests(place, window);
    let mut numbers: Vec<u32> = keys(archive, &prefix, retry)
        .await?
        .iter()
        .filter_map(|listed| Layout::sequence(&listed.key))
        .collect();
    numbers.sort_unstable();
    let mut manifests = Vec::with_capacity(numbers.len());
    for (expected, number) in (0..).zip(numbers) {
        if number != expected {
            let key = layout.manifest(place, window, expected);
            return Err(Error::damaged(
                key,
                "it is missing, and later ones are there; delete those too to have the hour read again",
            ));
        }
        manifests.push(read(archive, layout, place, window, number, retry).await?);
    }
    Ok(Chain::new(manifests))
}

/// One manifest, which has to be there.
pub(crate) async fn read<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    window: Window,
    number: u32,
    retry: &Retry<'_>,
) -> Result<Manifest, Error> {
    let key = layout.manifest(place, window, number);
    let object = retry.call(|| archive.get(&key)).await?;
    let object = object.ok_or_else(|| Error::damaged(&key, "it is missing"))?;
    Manifest::parse(&object.bytes, place, window, number)
        .map_err(|problem| Error::damaged(&key, problem))
}
