//! Settings files as people write them, right and wrong.

use std::fs;

use super::*;
use crate::error::ErrorKind;

/// A home with a project in it: `home/work/project`.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { root: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir_all(place.project().join("queries/daily")).expect("creates");
        place
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    fn project(&self) -> PathBuf {
        self.home().join("work/project")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("creates");
        fs::write(path, text).expect("writes");
    }

    fn load_in(&self, folder: &Path) -> Result<Settings> {
        Settings::load_with(folder, Some(&self.home()), &environment)
    }

    /// The settings of a project with this file.
    fn load(&self, text: &str) -> Result<Settings> {
        self.write("work/project/ostrich.toml", text);
        self.load_in(&self.project())
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "BUCKET" => Some("lake".to_owned()),
        "TOKEN" => Some("hunter2".to_owned()),
        _ => None,
    }
}

fn values(settings: &BTreeMap<String, Located<String>>) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.value.as_str())).collect()
}

#[test]
fn every_setting_is_read() {
    let place = Place::new();
    let settings = place
        .load(
            r#"
            catalog = "catalog"
            color = "never"
            data = ["data/./parquet", "s3://${BUCKET}/raw/", "~/other", "/abs"]
            dialect = "hive"
            format = "csv"
            init = "sql/init.sql"
            maxrows = 100
            memory_limit = "2GiB"
            no-header = true
            null = ""
            on-error = "continue"
            quiet = false
            stats = true
            threads = 3
            timeout = "1m 30s"
            timing = true
            [vars]
            day = 2026-01-01
            n = 0x10
            [conf]
            "ostrich.dialect" = "hive"
            datafusion.execution.batch_size = 8_192
            [conf.datafusion.optimizer]
            repartition_joins = false
            "#,
        )
        .expect("it is right");
    let project = place.project();
    let in_project = |path: &str| project.join(path).to_string_lossy().into_owned();
    assert_eq!(settings.catalog.expect("set").value, in_project("catalog"));
    assert_eq!(settings.color, Some(ColorChoice::Never));
    let data: Vec<_> = settings.data.expect("set").into_iter().map(|path| path.value).collect();
    let other = place.home().join("other").to_string_lossy().into_owned();
    assert_eq!(data, [in_project("data/parquet"), "s3://lake/raw/".into(), other, "/abs".into()]);
    assert_eq!(settings.dialect, Some(Dialect::Hive));
    assert_eq!(settings.format.expect("set").value, "csv");
    assert_eq!(settings.init.expect("set").value, in_project("sql/init.sql"));
    assert_eq!(settings.maxrows, Some(100));
    assert_eq!(settings.memory_limit, Some(2 << 30));
    assert_eq!(settings.no_header, Some(true));
    assert_eq!(settings.null.as_deref(), Some(""));
    assert_eq!(settings.on_error, Some(OnError::Continue));
    assert_eq!(settings.quiet, Some(false));
    assert_eq!(settings.stats, Some(true));
    assert_eq!(settings.threads, NonZeroUsize::new(3));
    assert_eq!(settings.timeout, Some(Duration::from_secs(90)));
    assert_eq!(settings.timing, Some(true));
    assert_eq!(values(&settings.vars), [("day", "2026-01-01"), ("n", "16")]);
    assert_eq!(
        values(&settings.conf),
        [
            ("datafusion.execution.batch_size", "8192"),
            ("datafusion.optimizer.repartition_joins", "false"),
            ("ostrich.dialect", "hive"),
        ]
    );
    assert_eq!(settings.files, [project.join("ostrich.toml")]);
}

#[test]
fn a_wrong_file_is_shown_at_its_place() {
    let place = Place::new();
    let cases = [
        (
            "threads = 2\nmemory-limt = '1GB'",
            "ostrich.toml:2:1: unknown setting \"memory-limt\" (did you mean \"memory-limit\"?)",
        ),
        (
            "[catalog]\npath = 'c'\ntype = 'hive'",
            "ostrich.toml:3:1: unknown setting \"type\" (the settings are: path, hive)",
        ),
        (
            "[catalog.hive]\ndefault = true",
            "ostrich.toml:1:10: [catalog.hive] has no \"uri\" (uri = \"thrift://host:port\" is",
        ),
        (
            "[catalog.hive]\nuri = 'hive:9083'",
            "ostrich.toml:2:7: \"hive:9083\" is not the address of a Hive Metastore (write thrift://",
        ),
        ("[catalog.hive]\nurl = 'thrift://h'", "ostrich.toml:2:1: unknown setting \"url\" (did you mean \"uri\"?)"),
        ("[catalog.hive]\nuri = 'thrift://h'\ntimeout = 0", "ostrich.toml:3:11: \"timeout\" cannot be without a limit"),
        (
            "[catalog]\nhive = 'thrift://h'",
            "ostrich.toml:2:8: \"hive\" must be a table; this is a string (write [catalog.hive]",
        ),
        (
            "datafusion.execution.batch_size = 1",
            "ostrich.toml:1:1: unknown setting \"datafusion\" (settings that SET takes stand under [conf])",
        ),
        ("threads = '2'", "ostrich.toml:1:11: \"threads\" must be a whole number; this is a string"),
        ("threads = -1", "ostrich.toml:1:11: \"threads\" must be a whole number; this is another number"),
        ("threads = 0", "ostrich.toml:1:11: \"threads\" must be at least 1"),
        ("quiet = 'yes'", "ostrich.toml:1:9: \"quiet\" must be true or false; this is a string"),
        ("data = 1", "ostrich.toml:1:8: \"data\" must be a list of paths and URLs; this is another number"),
        ("data = ['a', 1]", "ostrich.toml:1:14: \"data\" must be a string; this is another number"),
        ("catalog = ''", "ostrich.toml:1:11: \"catalog\" has an empty path"),
        ("dialect = 'hiv'", "ostrich.toml:1:11: \"hiv\" is no dialect (did you mean \"hive\"?)"),
        ("color = 'blue'", "ostrich.toml:1:9: \"blue\" is no color (the choices are: auto, always, never)"),
        ("timeout = 'soon'", "1:11: \"soon\" is not a time limit (for example: 90s, 10m, 1h 30m; 0 is no limit)"),
        ("memory-limit = '8 apples'", "1:16: \"8 apples\" is not an amount of memory (for example: 512MB, 8GB, 16GiB)"),
        ("vars = 1", "ostrich.toml:1:8: \"vars\" must be a table; this is another number"),
        ("[vars]\na = [1]", "ostrich.toml:2:5: \"a\" must be a single value; this is a list"),
        ("memory-limit = '1GB'\nmemory_limit = '2GB'", "ostrich.toml:2:1: \"memory-limit\" is set twice"),
        ("[conf]\n'a.b' = 1\na.b = 2", "ostrich.toml:3:3: \"a.b\" is set twice"),
        ("null = 'é' x", "ostrich.toml:1:12: this is not TOML: "),
        ("threads = 1\nthreads = 2", "ostrich.toml:2:1: this is not TOML: duplicate key"),
        (
            "null = \"\\t${NOPE}\"",
            "ostrich.toml:1:11: NOPE is not set in the environment (set it before you start ostrich: export NOPE=…)",
        ),
        ("null = 'a ${b-c}'", "ostrich.toml:1:11: \"${b-c}\" is no variable of the environment"),
        ("null = 'a ${BUCKET'", "ostrich.toml:1:11: \"${BUCKET\" is no variable of the environment"),
    ];
    for (text, expected) in cases {
        let error = place.load(text).expect_err(text);
        assert!(error.to_string().contains(expected), "{text}\n{error}\n{expected}");
        assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
    }
}

#[test]
fn a_file_that_is_not_text_is_shown_at_its_place() {
    let place = Place::new();
    fs::write(place.project().join(PROJECT_FILE), b"threads = 1\nnull = '\xff'").expect("writes");
    let error = place.load_in(&place.project()).expect_err("not UTF-8");
    assert_eq!(error.to_string(), "ostrich.toml:2:9: this is not UTF-8 text");
}

#[test]
fn the_environment_is_replaced_in_strings() {
    let place = Place::new();
    let vars = "[vars]\na = '${BUCKET}/${BUCKET}!'\nb = '$${BUCKET} $$ $5 $${${BUCKET}'\nc = '$$${BUCKET}'";
    let settings = place.load(vars).expect("it is right");
    assert_eq!(values(&settings.vars), [("a", "lake/lake!"), ("b", "${BUCKET} $$ $5 ${lake"), ("c", "$${BUCKET}")]);
}

#[test]
fn what_comes_from_the_environment_is_not_shown() {
    let place = Place::new();
    let settings = place.load("[conf]\n'ostrich.a' = 'x${TOKEN}'\n'ostrich.b' = 'open'").expect("it is right");
    assert_eq!(settings.conf["ostrich.a"].value, "xhunter2");
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("(from the environment) at ostrich.toml:2"), "{shown}");
    assert!(shown.contains("\"open\" at ostrich.toml:3"), "{shown}");
}

#[test]
fn the_nearest_project_file_counts_up_to_the_repository_or_home() {
    let place = Place::new();
    let deep = place.project().join("queries/daily");
    let threads = || place.load_in(&deep).expect("reads").threads.map(NonZeroUsize::get);

    fs::write(place.root.path().join(PROJECT_FILE), "threads = 1").expect("writes");
    assert_eq!(threads(), None, "above home");
    place.write("work/ostrich.toml", "threads = 2");
    assert_eq!(threads(), Some(2));
    place.write("work/project/.git/HEAD", "");
    assert_eq!(threads(), None, "outside the repository");
    place.write("work/project/ostrich.toml", "threads = 3");
    assert_eq!(threads(), Some(3));
    place.write("work/project/queries/daily/ostrich.toml", "threads = 4");
    assert_eq!(threads(), Some(4));
}

#[test]
fn the_project_lies_over_the_user() {
    let place = Place::new();
    place.write(
        ".config/ostrich/config.toml",
        "threads = 1\ntiming = true\ndata = ['mine']\n[vars]\na = 1\nb = 1\n[conf]\nx.y = 1",
    );
    let settings = place.load("threads = 2\n[vars]\nb = 2").expect("reads");
    assert_eq!(settings.threads.map(NonZeroUsize::get), Some(2));
    assert_eq!(settings.timing, Some(true));
    assert_eq!(values(&settings.vars), [("a", "1"), ("b", "2")]);
    assert_eq!(values(&settings.conf), [("x.y", "1")]);
    let data = settings.data.expect("the user's");
    let expected = place.home().join(".config/ostrich/mine").to_string_lossy().into_owned();
    assert_eq!(data[0].value, expected, "the user's paths are relative to the user's file");
    let files = [place.project().join(PROJECT_FILE), place.home().join(".config/ostrich/config.toml")];
    assert_eq!(settings.files, files);

    let flags = Settings { threads: NonZeroUsize::new(9), ..Settings::default() };
    let settings = flags.merge(place.load("threads = 2\nmaxrows = 5").expect("reads"));
    assert_eq!((settings.threads.map(NonZeroUsize::get), settings.maxrows), (Some(9), Some(5)));
}

#[test]
fn the_user_file_is_where_xdg_says() {
    let place = Place::new();
    place.write("xdg/ostrich/config.toml", "threads = 7");
    place.write(".config/ostrich/config.toml", "threads = 8");
    let load = |xdg: String| {
        let env = move |name: &str| (name == "XDG_CONFIG_HOME").then(|| xdg.clone());
        let settings = Settings::load_with(&place.project(), Some(&place.home()), &env).expect("reads");
        settings.threads.map(NonZeroUsize::get)
    };
    assert_eq!(load(place.home().join("xdg").to_string_lossy().into_owned()), Some(7));
    assert_eq!(load("relative".to_owned()), Some(8));
}

#[test]
fn a_metastore_has_an_address_and_limits() {
    let place = Place::new();
    let text = "[catalog]\npath = 'c'\n[catalog.hive]\nuri = 'thrift://${BUCKET}:9'\ntimeout = '2m'\nconnect_timeout = 3\ndefault = true";
    let settings = place.load(text).expect("it is right");
    let hive = settings.hive.expect("set");
    assert_eq!((hive.uri().as_str(), hive.is_default), ("thrift://lake:9", true));
    assert_eq!((hive.timeout, hive.connect_timeout), (Duration::from_secs(120), Duration::from_secs(3)));
    assert!(settings.catalog.is_some());
    let usual = place.load("[catalog.hive]\nuri = 'thrift://h'").expect("it is right").hive.expect("set");
    assert!(!usual.is_default && !usual.timeout.is_zero() && !usual.connect_timeout.is_zero());
}

#[test]
fn a_catalog_may_be_a_path_or_a_section() {
    let place = Place::new();
    for text in ["catalog = 'c'", "[catalog]\npath = 'c'"] {
        let catalog = place.load(text).expect("it is right").catalog.expect("set");
        assert_eq!(catalog.value, place.project().join("c").to_string_lossy(), "{text}");
    }
    assert!(place.load("[catalog]").expect("it is right").catalog.is_none());
}

#[test]
fn a_value_found_wrong_later_is_shown_at_its_place() {
    let place = Place::new();
    let format = place.load("quiet = true\nformat = 'nevr'").expect("formats are not known here").format.expect("set");
    let error = format.choose::<ColorChoice>("format").expect_err("none of the choices");
    assert_eq!(error.to_string(), "ostrich.toml:2:10: \"nevr\" is no format (did you mean \"never\"?)");
}

#[test]
fn amounts_and_times_are_read() {
    for (text, bytes) in [("512MB", 512_000_000), ("8 GB", 8_000_000_000), ("1.5GiB", 3 << 29), ("4096", 4096)] {
        assert_eq!(parse_memory(text).expect(text), bytes);
    }
    for text in ["", "0", "-1GB", "GB", "80%"] {
        assert!(parse_memory(text).is_err(), "{text}");
    }
    for (text, seconds) in [("10m", 600), ("90", 90), ("1h 30m", 5400), ("0", 0)] {
        assert_eq!(parse_timeout(text).expect(text), Duration::from_secs(seconds));
    }
    for text in ["", "-1s", "m"] {
        assert!(parse_timeout(text).is_err(), "{text}");
    }
}

#[test]
fn a_new_project_is_one_that_can_be_read() {
    let place = Place::new();
    let project = place.project();
    let made = init_project(&project).expect("makes it");
    let expected = ["ostrich.toml", "queries/example.sql", ".gitignore"].map(|name| project.join(name));
    assert_eq!(made, expected);
    let settings = place.load_in(&project.join("queries")).expect("its settings are right");
    assert_eq!(settings.catalog.expect("set").value, project.join("catalog").to_string_lossy());
    assert_eq!(fs::read_to_string(project.join(".gitignore")).expect("reads"), "/catalog/\n");
    assert_eq!(init_project(&project).expect("nothing to do"), [""; 0].map(PathBuf::from));

    // What is commented out is right, too.
    let text = fs::read_to_string(project.join(PROJECT_FILE)).expect("reads");
    let is_setting = |line: &str| line.starts_with("# ") && line.contains(" = ");
    let uncommented: Vec<_> =
        text.lines().map(|line| if is_setting(line) { line.trim_start_matches("# ") } else { line }).collect();
    let settings = place.load(&uncommented.join("\n")).expect("its examples are right");
    assert_eq!(settings.memory_limit, Some(8_000_000_000));
    assert_eq!(values(&settings.conf), [("datafusion.execution.batch_size", "8192")]);
}

#[test]
fn a_project_keeps_what_it_has() {
    let place = Place::new();
    let project = place.project();
    place.write("work/project/ostrich.toml", "threads = 1");
    place.write("work/project/.gitignore", "target");
    let made = init_project(&project).expect("makes the rest");
    assert_eq!(made, ["queries/example.sql", ".gitignore"].map(|name| project.join(name)));
    assert_eq!(fs::read_to_string(project.join(PROJECT_FILE)).expect("reads"), "threads = 1");
    assert_eq!(fs::read_to_string(project.join(".gitignore")).expect("reads"), "target\n/catalog/\n");
    place.write("work/project/.gitignore", "catalog/\r\n");
    assert_eq!(init_project(&project).expect("nothing to do"), [""; 0].map(PathBuf::from));
}
