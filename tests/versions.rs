//! What our dependencies ask of a user's compiler.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// `1.85` or `1.85.0` as numbers; the last one never matters.
fn version(text: &str) -> (u64, u64) {
    let mut parts = text.split('.').map(|part| part.parse().expect("a version"));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// All that is compiled into a user's program with us, by every feature and on
/// every system, takes the compiler that we say we take.
#[test]
fn no_dependency_asks_for_a_newer_compiler_than_we_do() {
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--locked"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let nodes = list(&metadata["resolve"]["nodes"]);
    let named = |package: &Value| package["name"] == env!("CARGO_PKG_NAME");
    let ours = packages.iter().find(|package| named(package)).expect("ourselves");
    let floor = version(ours["rust_version"].as_str().unwrap());

    let (mut seen, mut left) = (BTreeSet::new(), vec![ours["id"].clone()]);
    while let Some(id) = left.pop() {
        if !seen.insert(id.to_string()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id).expect("a node");
        for dependency in list(&node["deps"]) {
            let kinds = list(&dependency["dep_kinds"]);
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                left.push(dependency["pkg"].clone());
            }
        }
    }
    assert!(seen.len() > 30, "{} packages", seen.len());
    let newer: Vec<String> = packages
        .iter()
        .filter(|package| seen.contains(&package["id"].to_string()))
        .filter_map(|package| {
            let asks = package["rust_version"].as_str()?;
            (version(asks) > floor)
                .then(|| format!("{} {}: {asks}", package["name"], package["version"]))
        })
        .collect();
    assert_eq!(newer, [""; 0]);
}
