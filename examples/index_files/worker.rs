//! The worker, in its own process: reads paths from standard input and logs one record for each.

use std::{
    ffi::OsString,
    io::{self, BufRead},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    time::Instant,
};

use log::LevelFilter;

use crate::{Error, file_stats::FileStats};

/// The target of the records that answer a path.
pub(crate) const ANSWER: &str = "index_files::answer";

pub(crate) fn run() -> Result<(), Error> {
    // Without a parent, to try it by hand, it logs to standard error.
    pipe_handler::init_or(
        env_logger::builder()
            .filter_level(LevelFilter::Info)
            .build(),
    )?;

    let mut buffer = vec![0; 128 * 1024];
    for path in io::stdin().lock().split(0) {
        let path = PathBuf::from(OsString::from_vec(path?));
        let start = Instant::now();
        let stats = FileStats::read(&path, &mut buffer);
        let ms = start.elapsed().as_micros() as f64 / 1e3;
        match stats {
            Ok(FileStats {
                bytes,
                lines,
                words,
                sha256,
            }) => log::info!(
                target: ANSWER, path:% = path.display(), bytes, lines, words, sha256, ms; "indexed"
            ),
            Err(error) => log::error!(
                target: ANSWER, path:% = path.display(), err:err = error, ms; "cannot index a file"
            ),
        }
    }
    Ok(())
}
