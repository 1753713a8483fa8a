//! A server in the test's process that answers as Google Cloud Storage does, as far as object_store asks: its XML interface, of which
//! the emulators that there are know the reading half at best.
//!
//! Listings come in pages of a few names, for what happens between two pages is worth testing.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How many names a listing gives at a time.
const PAGE: usize = 3;
/// When everything was changed; nobody asks for more.
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

pub struct Gcs {
    /// Such as `127.0.0.1:4443`.
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The bucket `lake`.
    objects: BTreeMap<String, (u64, Vec<u8>)>,
    uploads: HashMap<String, BTreeMap<usize, Vec<u8>>>,
    /// The last number that was given to a version or an upload.
    number: u64,
}

struct Request {
    method: String,
    bucket: String,
    key: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Gcs {
    /// Starts with an empty bucket `lake`, and one `private` that nobody may touch.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gcs = Gcs { address: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let state = Arc::clone(&gcs.state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&state));
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        gcs
    }

    pub fn put(&self, key: &str, content: &[u8]) {
        self.state.lock().unwrap().put(key, content.to_vec());
    }

    pub fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }
}

/// Answers what comes over one connection. Ends with it.
fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = Request::read(&mut reader)?;
        let answer = state.lock().unwrap().answer(&request);
        let length = answer.body.len();
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        writer.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        if request.method != "HEAD" {
            writer.write_all(&answer.body).ok()?;
        }
    }
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let query = query.split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
        Some(Request {
            method,
            bucket: decoded(bucket),
            key: decoded(key),
            query: query.map(|(name, value)| (name.to_string(), decoded(&value.replace('+', " ")))).collect(),
            headers,
            body,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Answer { status, headers: Vec::new(), body: body.into() }
    }

    fn error(status: u16, code: &str, message: &str, details: &str) -> Self {
        let details = if details.is_empty() { String::new() } else { format!("<Details>{details}</Details>") };
        let text = format!("<Error><Code>{code}</Code><Message>{message}</Message>{details}</Error>");
        Answer::new(status, format!("<?xml version='1.0' encoding='UTF-8'?>{text}"))
    }

    /// With the headers that name a version of an object.
    fn of_version(mut self, generation: u64) -> Self {
        self.headers.push(("ETag", format!("\"{generation}\"")));
        self.headers.push(("x-goog-generation", generation.to_string()));
        self.headers.push(("Last-Modified", DATE.to_string()));
        self
    }
}

impl State {
    fn put(&mut self, key: &str, content: Vec<u8>) -> u64 {
        self.number += 1;
        self.objects.insert(key.to_string(), (self.number, content));
        self.number
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request.bucket.as_str() {
            "lake" => {}
            "private" => {
                let details = "Anonymous caller does not have storage.objects.list access to the bucket.";
                return Answer::error(401, "AuthenticationRequired", "Authentication required.", details);
            }
            _ => return Answer::error(404, "NoSuchBucket", "The specified bucket does not exist.", ""),
        }
        let key = request.key.as_str();
        let missing = || Answer::error(404, "NoSuchKey", "The specified key does not exist.", "");
        match (request.method.as_str(), request.asked("uploadId")) {
            ("GET", _) if key.is_empty() => self.list(request),
            ("GET" | "HEAD", _) => match self.objects.get(key) {
                Some((generation, content)) => read(content, request).of_version(*generation),
                None => missing(),
            },
            ("PUT", Some(upload)) => match self.uploads.get_mut(upload) {
                Some(parts) => {
                    let part = request.asked("partNumber").unwrap().parse().unwrap();
                    parts.insert(part, request.body.clone());
                    Answer::new(200, "").of_version(part as u64)
                }
                None => missing(),
            },
            ("PUT", None) => {
                if request.header("x-goog-if-generation-match") == Some("0") && self.objects.contains_key(key) {
                    return Answer::error(412, "PreconditionFailed", "A precondition you specified did not hold.", "");
                }
                let content = match request.header("x-goog-copy-source").map(decoded) {
                    Some(from) => match from.strip_prefix("lake/").and_then(|from| self.objects.get(from)) {
                        Some((_, content)) => content.clone(),
                        None => return missing(),
                    },
                    None => request.body.clone(),
                };
                let generation = self.put(key, content);
                Answer::new(200, "").of_version(generation)
            }
            ("POST", None) => {
                self.number += 1;
                let upload = self.number.to_string();
                self.uploads.insert(upload.clone(), BTreeMap::new());
                let tag = "InitiateMultipartUploadResult";
                Answer::new(200, format!("<{tag}><UploadId>{upload}</UploadId></{tag}>"))
            }
            ("POST", Some(upload)) => match self.uploads.remove(upload) {
                Some(parts) => {
                    let generation = self.put(key, parts.into_values().flatten().collect());
                    let tag = "CompleteMultipartUploadResult";
                    Answer::new(200, format!("<{tag}><ETag>\"{generation}\"</ETag></{tag}>")).of_version(generation)
                }
                None => missing(),
            },
            ("DELETE", Some(upload)) => match self.uploads.remove(upload) {
                Some(_) => Answer::new(204, ""),
                None => missing(),
            },
            ("DELETE", None) => match self.objects.remove(key) {
                Some(_) => Answer::new(204, ""),
                None => missing(),
            },
            _ => Answer::error(405, "MethodNotAllowed", "This method is not known here.", ""),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.asked("prefix").unwrap_or_default();
        let after = request.asked("continuation-token").unwrap_or_default();
        let found = self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let found: Vec<_> = found.take(PAGE + 1).collect();
        let mut text = String::new();
        for (key, (generation, content)) in found.iter().take(PAGE) {
            let size = content.len();
            text.push_str(&format!("<Contents><Key>{}</Key><Size>{size}</Size>", escaped(key)));
            text.push_str(&format!("<ETag>\"{generation}\"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified>"));
            text.push_str("</Contents>");
        }
        if let (Some((last, _)), true) = (found.get(PAGE - 1), found.len() > PAGE) {
            text.push_str(&format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(last)));
        }
        Answer::new(200, format!("<ListBucketResult><Name>lake</Name>{text}</ListBucketResult>"))
    }
}

/// An object, or the range of it that is asked for: `bytes=1-3`, `bytes=1-`, `bytes=-3`.
fn read(content: &[u8], request: &Request) -> Answer {
    let Some((start, end)) = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return Answer::new(200, content);
    };
    let length = content.len();
    let (start, end) = match (start.parse::<usize>(), end.parse::<usize>()) {
        (Ok(start), Ok(end)) => (start, length.min(end + 1)),
        (Ok(start), Err(_)) => (start, length),
        (Err(_), Ok(last)) => (length.saturating_sub(last), length),
        _ => return Answer::new(400, ""),
    };
    if start >= length {
        return Answer::error(416, "InvalidRange", "The requested range cannot be satisfied.", "");
    }
    let mut answer = Answer::new(206, &content[start..end]);
    answer.headers.push(("Content-Range", format!("bytes {start}-{}/{length}", end - 1)));
    answer
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = if *first == b'%' { behind.get(..2) } else { None };
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
