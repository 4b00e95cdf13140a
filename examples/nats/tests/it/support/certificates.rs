//! The certificates of a test, made by openssl with the commands of the page.

use std::{fs, path::Path, process::Command};

/// Makes a certificate authority: `ca.pem` and `ca.key`.
pub(crate) fn authority(dir: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=logs -keyout ca.key -out ca.pem";
    openssl(dir, arguments);
}

/// Makes `NAME.pem` and `NAME.key`, for the DNS name `NAME.example` and an address.
pub(crate) fn certificate(dir: &Path, name: &str, address: &str) {
    openssl(
        dir,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name}.example -keyout {name}.key -out {name}.csr"
        ),
    );
    let names = format!("subjectAltName=DNS:{name}.example,IP:{address}");
    fs::write(dir.join(format!("{name}.ext")), names).unwrap();
    openssl(
        dir,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile {name}.ext -out {name}.pem"
        ),
    );
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output();
    let output = output.expect("openssl is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {errors}");
}
