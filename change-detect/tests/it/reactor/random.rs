//! Reactors that nobody thought up.

use super::poms::{Files, child, manages, modules, pom, uses};

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A reactor of modules that use each other in all kinds of ways, sometimes in circles.
pub(super) fn random(seed: u64) -> Files {
    let mut numbers = Numbers(seed);
    let count = 8 + numbers.below(16);
    let parents = 1 + numbers.below(3);
    let mut files = Files::new();
    let name = |n: usize| format!("m{n}");
    let mut listed: Vec<String> = (0..count).map(name).collect();
    for place in (1..listed.len()).rev() {
        listed.swap(place, numbers.below(place + 1));
    }
    let spec = |numbers: &mut Numbers, n: usize| {
        let version = ["1", "1", "1", "${project.version}", "[1,2)", "0.1", ""][numbers.below(7)];
        let more = [
            "",
            "",
            " scope=test",
            " type=test-jar",
            " classifier=x",
            " optional=true",
        ][numbers.below(6)];
        match version {
            "" => format!("g:{}{more}", name(n)),
            version => format!("g:{}:{version}{more}", name(n)),
        }
    };
    // Those without a version need one that is managed; each form of use has a key of its own.
    let managed: Vec<String> = (0..count)
        .flat_map(|n| {
            let version = if n % 3 == 0 { "0.1" } else { "${v}" };
            ["", " type=test-jar", " classifier=x"]
                .map(|more| format!("g:{}:{version}{more}", name(n)))
        })
        .collect();
    let managed: Vec<&str> = managed.iter().map(String::as_str).collect();
    let root = modules(&format!("{} {}", listed.join(" "), "bom"))
        + "<properties><v>1</v></properties>"
        + &manages(&["g:bom:1 type=pom scope=import"]);
    files.insert("pom.xml".to_owned(), pom("g:root:1", &root));
    let bom = "<packaging>pom</packaging><properties><v>1</v></properties>".to_owned()
        + &manages(&managed);
    files.insert("bom/pom.xml".to_owned(), pom("g:bom:1", &bom));
    for n in 0..count {
        let mut uses_list = Vec::new();
        let circles = numbers.once_in(60);
        for _ in 0..numbers.below(4) {
            let other = if circles {
                numbers.below(count)
            } else {
                numbers.below(n.max(1))
            };
            if other != n {
                uses_list.push(spec(&mut numbers, other));
            }
        }
        let mut plugins = String::new();
        for _ in 0..numbers.below(3) {
            let upwards = numbers.once_in(40);
            let other = if upwards {
                numbers.below(count)
            } else {
                numbers.below(n.max(1))
            };
            if other == n {
                continue;
            }
            let with = if n > 0 && numbers.once_in(2) {
                let dependency = format!("g:{}:1", name(numbers.below(n)));
                uses(&[&dependency])
            } else {
                String::new()
            };
            let more = ["", "", "<inherited>false</inherited>"][numbers.below(3)];
            plugins += &format!(
                "<plugin><groupId>g</groupId><artifactId>{}</artifactId><version>1</version>{more}{with}</plugin>",
                name(other)
            );
        }
        let uses_list: Vec<&str> = uses_list.iter().map(String::as_str).collect();
        let packaging = if n < parents {
            "<packaging>pom</packaging>"
        } else {
            ""
        };
        let body = format!(
            "{packaging}{}<build><plugins>{plugins}</plugins></build>",
            uses(&uses_list)
        );
        let parent = if n < parents {
            "g:root:1".to_owned()
        } else {
            match numbers.below(parents + 1) {
                0 => "g:root:1".to_owned(),
                other => format!("g:{0}:1 relativePath=../{0}", name(other - 1)),
            }
        };
        files.insert(
            format!("{}/pom.xml", name(n)),
            child(&parent, &name(n), &body),
        );
    }
    files
}
