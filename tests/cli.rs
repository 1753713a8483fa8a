//! Transcripts of the command. A page `x.trycmd` runs in `x.in/`; with an `x.out/` it runs in a copy and may write.
//! A backslash of the output stands as `[..]`: trycmd turns it into a slash.

#[test]
fn transcripts() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path().display().to_string();
    trycmd::TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", format!("{home}/config"))
        .env("XDG_STATE_HOME", format!("{home}/state"))
        .env("NO_COLOR", "1")
        .run();
}
