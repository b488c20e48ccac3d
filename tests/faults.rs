//! `tests/FAULTS.md` names a test for each row, and the test is there.

use std::fs;
use std::path::Path;

/// Rows of the sections A to E.
const ROWS: [(char, usize); 5] = [('A', 26), ('B', 25), ('C', 15), ('D', 18), ('E', 6)];

#[test]
fn each_row_has_a_test_that_is_there_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("tests/FAULTS.md")).unwrap();
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            let is_row = cells[0].len() >= 2 && cells[0][1..].parse::<usize>().is_ok();
            is_row.then(|| (cells[0], *cells.last().unwrap()))
        })
        .collect();
    let expected = ROWS
        .iter()
        .flat_map(|(section, last)| (1..=*last).map(move |number| format!("{section}{number}")));
    assert!(rows.iter().map(|(row, _)| (*row).to_owned()).eq(expected), "rows are missing");
    for (row, test) in rows {
        let named: Vec<(&str, &str)> =
            test.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).collect();
        for (file, name) in &named {
            let text = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| panic!("{row}: {file}: {error}"));
            assert!(text.contains(&format!("fn {name}(")), "{row}: there is no {name} in {file}");
        }
        let is_explained = test.starts_with("does not apply");
        assert!(!named.is_empty() || is_explained, "{row} has no test and no reason");
    }
}
