//! The rooms of the house, and which may import which.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import. Arrows point one way.
const ARROWS: [(&str, &[&str]); 10] = [
    // Words for people.
    ("guide", &[]),
    ("observation", &[]),
    ("handoff", &["observation"]),
    ("capture", &["observation", "handoff"]),
    ("service", &["observation", "handoff"]),
    ("incident", &["observation"]),
    ("delivery", &["observation", "incident"]),
    ("slack", &["observation", "incident", "delivery"]),
    ("worker", &["observation", "handoff", "incident", "delivery", "slack"]),
    (
        "config",
        &[
            "observation",
            "handoff",
            "capture",
            "service",
            "incident",
            "delivery",
            "slack",
            "worker",
        ],
    ),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The rooms that a file names after `crate::`, in code and not in comments.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: String = code.collect::<Vec<_>>().join(" ");
    let named = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = &group[..group.find("};").unwrap_or(group.len())];
                rooms.extend(group.split(',').map(|item| named(item.trim())));
            }
            None => rooms.push(named(rest)),
        }
    }
    rooms
}

#[test]
fn imports_follow_the_arrows() {
    let mut checked = 0;
    for (room, allowed) in ARROWS {
        for file in files(&source().join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            // A room's tests may look where they like.
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            for import in imports(code) {
                let known = ARROWS.iter().any(|(known, _)| *known == import);
                let fits = import == room || allowed.contains(&import.as_str());
                let shown = file.strip_prefix(source()).unwrap().display();
                assert!(!known || fits, "src/{shown} imports crate::{import}");
                assert!(import != "layer", "src/{shown} imports the knot");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} imports found: is the reader broken?");
}

#[test]
fn the_reader_sees_imports_of_every_form() {
    let text = "use crate::slack::X;\nfn f() { crate::worker::y() }\nuse crate::{config::A, handoff};\n// crate::layer\n";
    assert_eq!(imports(text), ["slack", "worker", "config", "handoff"]);
}

#[test]
fn every_room_is_named_here() {
    let rooms = fs::read_dir(source()).unwrap().map(|entry| entry.unwrap().path());
    for room in rooms.filter(|path| path.is_dir()) {
        let name = room.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(ARROWS.iter().any(|(known, _)| *known == name), "src/{name} has no arrows");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for file in files(&source()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} has no first line", file.display());
    }
}
