//! `index_files`, whose children read the files of a folder.

use std::fs;

use super::{example, stored::on_terminal};
use crate::support::temporary;

#[test]
fn the_indexing_example_gets_one_record_for_each_file() {
    let folder = temporary("folder");
    fs::create_dir_all(folder.join("below")).expect("a folder");
    for n in 0..30 {
        fs::write(folder.join(format!("below/{n}")), format!("{n} words\n")).expect("a file");
    }
    let index = example("index_files")
        .arg("--workers")
        .arg(3)
        .arg(folder.display());
    let (status, said, errors) = index.run_alone();
    let _gone = fs::remove_dir_all(&folder);
    assert!(status.success(), "{status}: {errors}");
    assert!(
        said.contains("30") || errors.contains("30"),
        "{said}{errors}"
    );
}

#[test]
fn the_indexing_example_writes_numbers_and_names_as_people_do() {
    let folder = temporary("folder");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("file"), "x".repeat(1_234_567)).expect("a file");
    let missing = folder.join("missing");
    let index = example("index_files")
        .arg(folder.display())
        .arg(missing.display());
    let (status, said, errors) = index.run_alone();
    let _gone = fs::remove_dir_all(&folder);
    assert_eq!(status.code(), Some(1), "{errors}");
    for part in [
        " 1,234,567 ",
        "found 1 file, 1 directory; could not look into 1\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let expected = format!(
        "index_files: cannot read {}: No such file or directory (os error 2)\n",
        missing.display()
    );
    assert_eq!(errors, expected);
}

#[test]
fn on_a_terminal_the_indexing_example_stays_within_its_width() {
    let folder = temporary("folder");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("file"), "x y\n".repeat(300_000)).expect("a file");
    std::os::unix::fs::symlink("nowhere", folder.join("link")).expect("a link");
    let index = example("index_files")
        .arg("--workers")
        .arg(1)
        .arg(folder.display());
    let said = on_terminal(60, index);
    let _gone = fs::remove_dir_all(&folder);
    let expected = "
          files      bytes    lines    words  errors
worker 1      1  1,200,000  300,000  600,000       0
total         1  1,200,000  300,000  600,000       0
";
    assert!(format!("\n{said}").starts_with(expected), "{said}");
    assert!(said.lines().all(|line| line.len() <= 60), "{said}");
}
