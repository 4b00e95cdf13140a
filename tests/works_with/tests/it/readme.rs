//! README's table.

/// The sources of the tests, each of which names its logger once.
const TESTS: [&str; 4] = [
    include_str!("lines.rs"),
    include_str!("terminal.rs"),
    include_str!("journald.rs"),
    include_str!("rotel.rs"),
];

#[test]
fn each_row_of_the_table_has_a_test() {
    let readme = include_str!("../../../../README.md");
    let section = readme
        .split("\n## ")
        .find(|section| section.starts_with("Works with\n"))
        .expect("the section");
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 9, "{rows:?}");
    for row in rows {
        assert!(
            TESTS
                .iter()
                .any(|tests| tests.contains(&format!("\"{row}\""))),
            "no test runs {row}"
        );
    }
}
