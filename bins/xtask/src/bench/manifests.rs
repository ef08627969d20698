//! The poms and package files of a sample.

use super::sample::Part;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n";
const SPRING: &str = "<groupId>org.springframework.boot</groupId>\n        <artifactId>spring-boot-maven-plugin</artifactId>";

/// The pom of a service or library.
pub(crate) fn pom(part: &Part, parts: &[Part]) -> String {
    let (parent, way) = match part.parent {
        None => ("platform".to_owned(), "../../pom.xml".to_owned()),
        Some(number) => (
            format!("parent-{number}"),
            format!("../../parents/parent-{number}/pom.xml"),
        ),
    };
    let mut text = format!(
        "{HEAD}  <parent>\n    <groupId>com.example</groupId>\n    <artifactId>{parent}</artifactId>\n    <version>1.0.0-SNAPSHOT</version>\n    <relativePath>{way}</relativePath>\n  </parent>\n  <artifactId>{}</artifactId>\n  <dependencies>\n",
        part.name
    );
    for need in &part.needs {
        text.push_str(&format!(
            "    <dependency>\n      <groupId>com.example</groupId>\n      <artifactId>{}</artifactId>\n      <version>${{project.version}}</version>\n    </dependency>\n",
            parts[*need].name
        ));
    }
    text.push_str("  </dependencies>\n");
    if part.service {
        text.push_str(&format!(
            "  <build>\n    <plugins>\n      <plugin>\n        {SPRING}\n      </plugin>\n    </plugins>\n  </build>\n"
        ));
    }
    text.push_str("</project>\n");
    text
}

/// The pom at the root, which is aggregator and parent, and those between it and the modules.
pub(crate) fn reactor(parts: &[Part], parents: usize) -> Vec<(String, String)> {
    let mut root = format!(
        "{HEAD}  <groupId>com.example</groupId>\n  <artifactId>platform</artifactId>\n  <version>1.0.0-SNAPSHOT</version>\n  <packaging>pom</packaging>\n  <properties>\n    <maven.compiler.release>17</maven.compiler.release>\n  </properties>\n  <modules>\n"
    );
    for number in 0..parents {
        root.push_str(&format!("    <module>parents/parent-{number}</module>\n"));
    }
    for part in parts {
        root.push_str(&format!("    <module>{}</module>\n", part.folder));
    }
    root.push_str(&format!(
        "  </modules>\n  <build>\n    <pluginManagement>\n      <plugins>\n      <plugin>\n        {SPRING}\n        <version>3.5.0</version>\n      </plugin>\n      </plugins>\n    </pluginManagement>\n  </build>\n</project>\n"
    ));
    let mut files = vec![("pom.xml".to_owned(), root)];
    for number in 0..parents {
        files.push((
            format!("parents/parent-{number}/pom.xml"),
            format!(
                "{HEAD}  <parent>\n    <groupId>com.example</groupId>\n    <artifactId>platform</artifactId>\n    <version>1.0.0-SNAPSHOT</version>\n    <relativePath>../../pom.xml</relativePath>\n  </parent>\n  <artifactId>parent-{number}</artifactId>\n  <packaging>pom</packaging>\n</project>\n"
            ),
        ));
    }
    files
}

/// The package file of a service or library.
pub(crate) fn package(part: &Part, parts: &[Part]) -> String {
    let needs: Vec<String> = part
        .needs
        .iter()
        .map(|need| format!("    \"@example/{}\": \"*\"", parts[*need].name))
        .collect();
    format!(
        "{{\n  \"name\": \"@example/{}\",\n  \"version\": \"1.0.0\",\n  \"private\": true,\n  \"scripts\": {{\n    \"build\": \"true\"\n  }},\n  \"dependencies\": {{\n{}\n  }},\n  \"revision\": 0\n}}\n",
        part.name,
        needs.join(",\n")
    )
}

/// The files at the root of the npm workspace, with what turbo and nx want to see there.
pub(crate) fn workspace(parts: &[Part]) -> Vec<(String, String)> {
    let root = "{\n  \"name\": \"platform\",\n  \"version\": \"1.0.0\",\n  \"private\": true,\n  \"packageManager\": \"npm@10.8.2\",\n  \"workspaces\": [\"services/*\", \"libs/*\"],\n  \"revision\": 0\n}\n";
    let turbo = "{\n  \"$schema\": \"https://turbo.build/schema.json\",\n  \"tasks\": {\n    \"build\": {\n      \"dependsOn\": [\"^build\"]\n    }\n  }\n}\n";
    let nx = "{\n  \"defaultBase\": \"main\",\n  \"analytics\": false,\n  \"targetDefaults\": {\n    \"build\": {\n      \"dependsOn\": [\"^build\"],\n      \"cache\": true\n    }\n  }\n}\n";
    [
        ("package.json", root.to_owned()),
        ("package-lock.json", lock(parts)),
        ("turbo.json", turbo.to_owned()),
        ("nx.json", nx.to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

/// A lock file of workspace members alone, as npm writes it
/// (<https://docs.npmjs.com/cli/v10/configuring-npm/package-lock-json>).
fn lock(parts: &[Part]) -> String {
    let mut packages = vec![
        "    \"\": {\n      \"name\": \"platform\",\n      \"version\": \"1.0.0\",\n      \"workspaces\": [\"services/*\", \"libs/*\"]\n    }".to_owned(),
    ];
    for part in parts {
        packages.push(format!(
            "    \"node_modules/@example/{}\": {{\n      \"resolved\": \"{}\",\n      \"link\": true\n    }}",
            part.name, part.folder
        ));
    }
    for part in parts {
        let needs: Vec<String> = part
            .needs
            .iter()
            .map(|need| format!("        \"@example/{}\": \"*\"", parts[*need].name))
            .collect();
        packages.push(format!(
            "    \"{}\": {{\n      \"name\": \"@example/{}\",\n      \"version\": \"1.0.0\",\n      \"dependencies\": {{\n{}\n      }}\n    }}",
            part.folder,
            part.name,
            needs.join(",\n")
        ));
    }
    format!(
        "{{\n  \"name\": \"platform\",\n  \"version\": \"1.0.0\",\n  \"lockfileVersion\": 3,\n  \"requires\": true,\n  \"packages\": {{\n{}\n  }}\n}}\n",
        packages.join(",\n")
    )
}

/// Raises the `revision` at the end of a package file: JSON has no comments to change.
pub(crate) fn count(text: &mut String, number: usize) {
    if let Some(at) = text.rfind("\"revision\":") {
        text.truncate(at);
        text.push_str(&format!("\"revision\": {number}\n}}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_file_is_whole_after_a_change() {
        let part = Part {
            name: "service-001".to_owned(),
            folder: "services/service-001".to_owned(),
            service: true,
            parent: None,
            needs: vec![],
        };
        let mut text = package(&part, &[]);
        count(&mut text, 7);
        assert!(text.ends_with("},\n  \"revision\": 7\n}\n"), "{text}");
    }
}
