//! A reactor with each rule in it.

use super::poms::{Files, child, manages, modules, pom, profile, uses};

const ROOT: &str = "acme:root:${revision}";
const PARENT: &str = "acme:parent:${revision}";

/// A reactor with each thing that decides which modules there are, what they mean, and in which order they are built.
pub(super) fn everything() -> Files {
    let plug = |more: &str| {
        format!("<plugin><groupId>acme</groupId><artifactId>plug</artifactId>{more}</plugin>")
    };
    let plugins = |list: &str| format!("<build><plugins>{list}</plugins></build>");
    let import = |spec: &str| format!("{spec} type=pom scope=import");
    let root = modules(
        "app marked-user reporting twin-user dup uses-tests uses-range uses-wrong uses-others built built-managed \
         managed-only extended by-file outside ranged ${group.dir} poms/other.xml inherits twin-2 twin-1 parent bom \
         bom-two lib api deep marked plug plug-dep pm-dep ext tests others named-by-property keyed own-property \
         machine not-inherited ordered",
    ) + "<properties><revision>1.0</revision><group.dir>group</group.dir><dep.name>api</dep.name></properties>"
        + "<profiles>"
        + &profile(
            "by-default",
            "<activeByDefault>true</activeByDefault>",
            "<modules><module>default-mod</module></modules>",
        )
        + &profile(
            "by-property",
            "<property><name>flag</name><value>on</value></property>",
            "<modules><module>prop-mod</module><module>app</module></modules>",
        )
        + &profile(
            "by-name",
            "",
            "<modules><module>named-mod</module></modules><properties><dep.name>deep</dep.name></properties>",
        )
        + &profile(
            "off",
            "<property><name>flag</name></property>",
            "<modules><module>off-mod</module></modules>",
        )
        + &profile(
            "missing",
            "<file><missing>nothing/here</missing></file>",
            "<modules><module>missing-mod</module></modules>",
        )
        + &profile(
            "there",
            "<file><exists>${basedir}/lib/pom.xml</exists></file><property><name>!absent</name></property>",
            "<modules><module>there-mod</module></modules>",
        )
        + &profile(
            "half",
            "<file><exists>lib</exists></file><property><name>absent</name></property>",
            "<modules><module>off-mod</module></modules>",
        )
        + "</profiles>";
    let parent = "<packaging>pom</packaging>".to_owned()
        + &manages(&[
            &import("acme:bom:${project.version}"),
            "acme:others:${revision}",
            "acme:tests:${revision} type=test-jar",
        ])
        + &format!(
            "<build><pluginManagement><plugins>{}</plugins></pluginManagement></build>",
            plug(&format!(
                "<version>2.0</version>{}",
                uses(&["acme:pm-dep:2.0"])
            ))
        )
        + "<profiles>"
        + &profile(
            "marked",
            "<file><exists>marker</exists></file>",
            &uses(&["acme:marked:2.0"]),
        )
        + "</profiles>";
    let group = modules("inner ../elsewhere")
        + "<profiles>"
        + &profile(
            "group-default",
            "<activeByDefault>true</activeByDefault>",
            "<modules><module>inner-two</module></modules>",
        )
        + "</profiles>";
    let mut files = Files::new();
    let mut add = |path: &str, text: String| _ = files.insert(path.to_owned(), text);
    add(
        ".mvn/maven.config",
        "-Drevision=2.0\n-P by-name,!off\n--define flag=on\n".to_owned(),
    );
    add("pom.xml", pom(ROOT, &root));
    add("parent/pom.xml", child(ROOT, "parent", &parent));
    add(
        "bom/pom.xml",
        child(
            ROOT,
            "bom",
            &("<packaging>pom</packaging>".to_owned()
                + &manages(&[
                    "${project.groupId}:lib:${project.version}",
                    "acme:tests:0.1",
                    &import("acme:bom-two:7"),
                ])),
        ),
    );
    add(
        "bom-two/pom.xml",
        pom(
            "acme:bom-two:7",
            &("<packaging>pom</packaging><properties><v>2.0</v></properties>".to_owned()
                + &manages(&["acme:deep:${v}", "acme:lib:0.1"])),
        ),
    );
    for plain in [
        "lib", "api", "deep", "marked", "plug", "plug-dep", "pm-dep", "ext", "tests", "others",
    ] {
        add(&format!("{plain}/pom.xml"), child(ROOT, plain, ""));
    }
    add(
        "app/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent"),
            "app",
            &uses(&["acme:lib", "acme:deep", "acme:api:${api}", "acme:others"]).replace(
                "<dependencies>",
                "<properties><api>${project.version}</api></properties><dependencies>",
            ),
        ),
    );
    add(
        "marked-user/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent/pom.xml"),
            "marked-user",
            "",
        ),
    );
    add("marked-user/marker", String::new());
    add(
        "by-file/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent/pom.xml"),
            "by-file",
            &uses(&["acme:tests type=test-jar"]),
        ),
    );
    add(
        "outside/pom.xml",
        child(
            "ext:parent:1 relativePath=",
            "outside",
            &uses(&["acme:lib:2.0"]),
        ),
    );
    add(
        "ranged/pom.xml",
        child(
            "acme:parent:[1,3) relativePath=../range-parent",
            "ranged",
            "<version>2.0</version>",
        ),
    );
    add(
        "range-parent/pom.xml",
        pom(
            "acme:parent:2.5",
            &("<packaging>pom</packaging>".to_owned() + &uses(&["acme:tests:2.0"])),
        ),
    );
    add(
        "uses-tests/pom.xml",
        child(
            ROOT,
            "uses-tests",
            &uses(&[
                "acme:tests:2.0 type=test-jar scope=test",
                "acme:others:${revision} classifier=x optional=true",
            ]),
        ),
    );
    add(
        "uses-range/pom.xml",
        child(
            ROOT,
            "uses-range",
            &uses(&["acme:lib:[1,) scope=provided", "acme:api:(,9]"]),
        ),
    );
    add(
        "uses-wrong/pom.xml",
        child(
            ROOT,
            "uses-wrong",
            &uses(&["acme:lib:1.0", "other:api:2.0"]),
        ),
    );
    add(
        "uses-others/pom.xml",
        child(
            ROOT,
            "uses-others",
            &uses(&["acme:${dep.name}:2.0 scope=runtime"]),
        ),
    );
    add(
        "built/pom.xml",
        child(
            ROOT,
            "built",
            &plugins(&plug(&format!(
                "<version>2.0</version>{}",
                uses(&["acme:plug-dep:2.0"])
            ))),
        ),
    );
    add(
        "built-managed/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent"),
            "built-managed",
            &plugins(&plug("")),
        ),
    );
    add(
        "managed-only/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent"),
            "managed-only",
            "",
        ),
    );
    add(
        "extended/pom.xml",
        child(
            ROOT,
            "extended",
            "<build><extensions><extension><groupId>acme</groupId><artifactId>ext</artifactId><version>2.0</version></extension></extensions></build>",
        ),
    );
    add(
        "reporting/pom.xml",
        child(
            ROOT,
            "reporting",
            "<reporting><plugins><plugin><groupId>acme</groupId><artifactId>plug</artifactId><version>2.0</version></plugin></plugins></reporting>",
        ),
    );
    add("twin-1/pom.xml", pom("acme:twin:1", ""));
    add("twin-2/pom.xml", pom("acme:twin:2", ""));
    add(
        "twin-user/pom.xml",
        pom("acme:twin-user:1", &uses(&["acme:twin:[1,)"])),
    );
    add(
        "dup/pom.xml",
        child(
            ROOT,
            "dup",
            &uses(&[
                "acme:lib:2.0",
                "acme:api:0.1",
                "acme:lib:0.1",
                "acme:api:2.0",
            ]),
        ),
    );
    add("group/pom.xml", child(ROOT, "group", &group));
    add(
        "group/inner/pom.xml",
        child(
            "acme:group:${revision}",
            "inner",
            &uses(&["acme:inner-two:${project.parent.version}"]),
        ),
    );
    add(
        "group/inner-two/pom.xml",
        child("acme:group:${revision}", "inner-two", ""),
    );
    add(
        "elsewhere/pom.xml",
        child(
            "acme:group:${revision} relativePath=../group",
            "elsewhere",
            &uses(&["acme:inner:2.0"]),
        ),
    );
    add(
        "poms/other.xml",
        child(ROOT, "other", &uses(&["acme:app:2.0"])),
    );
    add(
        "inherits/pom.xml",
        child(
            "acme:built:${revision} relativePath=../built-parent",
            "inherits",
            "",
        ),
    );
    add(
        "built-parent/pom.xml",
        child(
            ROOT,
            "built",
            &("<packaging>pom</packaging>".to_owned()
                + &plugins(
                    &(plug("<version>2.0</version>")
                        + "<plugin><groupId>acme</groupId><artifactId>plug-dep</artifactId><version>2.0</version><inherited>false</inherited></plugin>"),
                )),
        ),
    );
    add(
        "named-by-property/pom.xml",
        child(
            ROOT,
            "named-by-property",
            &("<properties><revision>3.0</revision></properties>".to_owned()
                + &uses(&["acme:lib:${revision}"])),
        ),
    );
    add(
        "keyed/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent"),
            "keyed",
            &(manages(&["acme:lib:0.5"]) + &uses(&["acme:lib", "acme:deep:0.5"])),
        ),
    );
    add(
        "own-property/pom.xml",
        child(
            ROOT,
            "own-property",
            &("<properties><flag>off</flag><v>${project.version}</v></properties>".to_owned()
                + &uses(&["acme:marked:${v}"])
                + "<profiles>"
                + &profile(
                    "p",
                    "<property><name>flag</name><value>!off</value></property>",
                    &uses(&["acme:ext:2.0"]),
                )
                + "</profiles>"),
        ),
    );
    add(
        "machine/pom.xml",
        child(
            ROOT,
            "machine",
            &("<profiles>".to_owned()
                + &profile("never", "<jdk>1.1</jdk>", &uses(&["acme:ext:2.0"]))
                + &profile(
                    "d",
                    "<activeByDefault>true</activeByDefault>",
                    &uses(&["acme:marked:2.0"]),
                )
                + "</profiles>"),
        ),
    );
    add(
        "not-inherited/pom.xml",
        child(
            "acme:built:${revision} relativePath=../built-parent",
            "not-inherited",
            &plugins(
                &(plug(&uses(&["acme:pm-dep:2.0"]))
                    + "<plugin><groupId>acme</groupId><artifactId>ext</artifactId><version>2.0</version></plugin>"),
            ),
        ),
    );
    add(
        "ordered/pom.xml",
        child(
            &format!("{PARENT} relativePath=../parent"),
            "ordered",
            &uses(&[
                "acme:not-inherited:2.0",
                "acme:keyed:2.0",
                "acme:inherits:2.0",
                "acme:machine:2.0",
            ]),
        ),
    );
    for extra in [
        "default-mod",
        "prop-mod",
        "named-mod",
        "off-mod",
        "missing-mod",
        "there-mod",
    ] {
        add(&format!("{extra}/pom.xml"), child(ROOT, extra, ""));
    }
    files
}
