//! Whose types the public API shows: a user's upgrade of `reqwest` or `tokio`
//! is never ours, and `axum` comes with its feature only.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The crates whose types and traits are in the public API, or given on by it,
/// built with these features: by rustdoc's JSON, which only nightly compilers make, or others
/// that are told so.
fn shown(features: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["rustdoc", "--quiet", "--lib", "--no-default-features", "--features", features])
        .arg("--target-dir")
        .arg(target)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .env("RUSTDOC", root.join("tests/rustc/unstable-rustdoc"))
        .env_remove("RUSTDOCFLAGS")
        .current_dir(root)
        .status()
        .unwrap();
    assert!(built.success());
    let json = std::fs::read(target.join("doc/tower_slack_alert.json")).unwrap();
    let docs: Value = serde_json::from_slice(&json).unwrap();
    let mut ids = BTreeSet::new();
    for item in docs["index"].as_object().unwrap().values() {
        let implementation = &item["inner"]["impl"];
        // Of all types there are, or made by the compiler: nobody's promise.
        let is_everybodys = !implementation["blanket_impl"].is_null()
            || implementation["is_synthetic"] == Value::Bool(true);
        if item["crate_id"] == 0 && !is_everybodys {
            collect(&item["inner"], &mut ids);
            ids.extend(item["inner"]["use"]["id"].as_u64());
        }
    }
    let crate_of = |id: &u64| {
        let number = docs["paths"][id.to_string()]["crate_id"].as_u64()?;
        Some(docs["external_crates"][number.to_string()]["name"].as_str()?.to_owned())
    };
    let shown: BTreeSet<String> = ids.iter().filter_map(crate_of).collect();
    assert!(shown.contains("tower_service"), "nothing was found: {shown:?}");
    shown
}

/// The paths that an item names, at any depth.
fn collect(value: &Value, ids: &mut BTreeSet<u64>) {
    match value {
        Value::Object(map) => {
            let is_path = map.contains_key("path") && map.contains_key("args");
            ids.extend(map.get("id").and_then(Value::as_u64).filter(|_| is_path));
            map.values().for_each(|inner| collect(inner, ids));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, ids)),
        _ => {}
    }
}

#[test]
#[ignore = "documents the crate several times; .ci/run runs it"]
fn nobody_elses_types_outside_of_their_features() {
    // `tracing_core` has the level of a log line; `pin_project_lite` leaves a
    // bound of its own in what it makes.
    let always: BTreeSet<String> = [
        "alloc",
        "bytes",
        "core",
        "http",
        "http_body",
        "pin_project_lite",
        "serde_json",
        "std",
        "tower_layer",
        "tower_service",
        "tracing_core",
    ]
    .map(str::to_owned)
    .into();
    let more =
        |features: &str| -> Vec<String> { shown(features).difference(&always).cloned().collect() };
    assert_eq!(more(""), [""; 0]);
    assert_eq!(more("rustls,test-util"), [""; 0]);
    assert_eq!(more("native-tls"), [""; 0]);
    assert_eq!(more("axum"), ["axum_core"]);
    assert_eq!(more("request-logs"), ["tracing_subscriber"]);
}
