//! Writes the inputs with which each target begins: `seeds GOLDEN DIRECTORY` makes `DIRECTORY/<target>/<number>`.

use std::{env, fs, io, path::Path};

use fuzz::seeds::{hostile, streams};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [golden, directory] = &arguments[..] else {
        panic!("usage: seeds GOLDEN DIRECTORY")
    };
    let golden = golden_payloads(Path::new(golden))?;
    let hostile = hostile();
    let all: Vec<_> = golden.iter().chain(&hostile).cloned().collect();
    let mut streams = streams(&golden);
    let short = |payload: &&Vec<u8>| payload.len() <= 64 * 1024;
    streams.push(
        hostile
            .iter()
            .filter(short)
            .flat_map(|payload| fuzz::frames::frame(payload))
            .collect(),
    );

    let directory = Path::new(directory);
    write(&directory.join("payload"), &all)?;
    write(
        &directory.join("stream"),
        &with_settings(&streams, |settings| vec![settings & 7, 3, 0, 7, 100]),
    )?;
    write(
        &directory.join("subscriber"),
        &of_subscriber(&all, &streams),
    )?;
    let noise: Vec<Vec<u8>> = (0..8_u8)
        .map(|seed| {
            (0..400)
                .map(|n: u32| (n * n) as u8 ^ seed.wrapping_mul(37))
                .collect()
        })
        .collect();
    write(&directory.join("fragments"), &noise)?;
    write(&directory.join("one_pass"), &noise)?;
    write(&directory.join("ring"), &noise)?;
    write(&directory.join("ring_race"), &noise)?;
    let known = [noise.clone(), streams_of_payloads(&all)].concat();
    write(&directory.join("known_decoder"), &known)?;
    write(&directory.join("round_trip"), &[noise, golden].concat())
}

fn golden_payloads(directory: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    paths.sort();
    paths
        .iter()
        .map(|path| Ok(fs::read(path)?.split_off(4)))
        .collect()
}

fn with_settings(streams: &[Vec<u8>], settings: fn(u8) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..)
        .zip(streams)
        .map(|(number, stream)| [settings(number), stream.clone()].concat())
        .collect()
}

/// Raw streams, and payloads by a length of two bytes; with the label "w1".
fn of_subscriber(payloads: &[Vec<u8>], streams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all = with_settings(streams, |number| {
        vec![0x80 | number & 7, 1, 2, b'w', b'1', 2, 0, 50]
    });
    for (number, payload) in (0_u8..).zip(payloads) {
        if let Ok(length) = u16::try_from(payload.len()) {
            let head = [
                &[number & 7, 1, 2, b'w', b'1', 0][..],
                &length.to_be_bytes(),
            ]
            .concat();
            all.push([head, payload.clone()].concat());
        }
    }
    all
}

/// Each payload twice, as bytes by their length, and then damaged.
fn streams_of_payloads(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let twice_and_damaged = |payload: &Vec<u8>| {
        let length = u16::try_from(payload.len()).ok()?.to_be_bytes();
        let again = [3, 0, 1, 0, 0, 0, 9, 0, 0x7f];
        Some([&[0, 0, 0xf9][..], &length, payload, &again].concat())
    };
    payloads.iter().filter_map(twice_and_damaged).collect()
}

fn write(directory: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(directory.join(format!("{number:03}")), input)?;
    }
    Ok(())
}
