//! Calls to a metastore: connections, time limits, and what is said when one of them does not work.
//!
//! The calls are blocking, each on a thread of its own, so that one that hangs can be left behind: a statement that is
//! cancelled and a process that ends wait for no metastore. All calls only read, so one that finds its connection closed
//! (a metastore that was started again) is made once more on a new one.

use std::io::{BufReader, ErrorKind, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol as _, TType,
};
use thrift::{ApplicationError, ApplicationErrorKind};

use super::options::{Address, HiveOptions};
use super::wire::{self, Input, Read, Value};
use crate::error::{Error, Result};

/// Connections that are kept for the next calls.
const MOST_IDLE: usize = 16;

/// The longest answer. The partitions of a table come in parts that are far shorter.
const LONGEST_ANSWER: u64 = 1 << 30;

/// How much longer than its limits a call may take before it is left behind: names of hosts are looked up without one.
const GRACE: Duration = Duration::from_secs(5);

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The metastore is of a version that does not have the method.
    UnknownMethod,
    /// An exception that the method declares, by its number there.
    Declared(i16, String),
    Error(Error),
}

impl Failure {
    /// For a call whose exceptions mean no more than that it failed.
    pub(super) fn into_error(self, method: &str, options: &HiveOptions) -> Error {
        match self {
            Failure::Error(error) => error,
            Failure::UnknownMethod => {
                Error::storage(format!("the Hive Metastore {} does not know the call {method}", options.uri()))
                    .help("metastores of Hive 2, 3 and 4 are supported")
            }
            Failure::Declared(_, message) => {
                Error::storage(format!("the Hive Metastore {} answers to {method}: {message}", options.uri()))
            }
        }
    }
}

/// A metastore to be asked.
#[derive(Debug, Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: HiveOptions,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// Connects only when the first call is made.
    pub(super) fn new(options: HiveOptions) -> Self {
        Client { shared: Arc::new(Shared { options, idle: Mutex::default() }) }
    }

    pub(super) fn options(&self) -> &HiveOptions {
        &self.shared.options
    }

    /// Calls a method with its arguments by their numbers.
    pub(super) async fn call<T: Read + Send + 'static>(
        &self,
        method: &'static str,
        arguments: &[(i16, Value<'_>)],
    ) -> Result<T, Failure> {
        let message = encode(method, arguments).map_err(|error| {
            Failure::Error(Error::storage(format!("the call {method} cannot be sent: {}", describe(&error))))
        })?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("metastore".to_string());
        let work = move || {
            // Nobody waits any more if the statement was cancelled.
            let _ = sender.send(shared.exchange::<T>(method, &message));
        };
        if let Err(error) = thread.spawn(work) {
            return Err(Failure::Error(Error::storage(format!("no thread can be started: {error}"))));
        }
        let options = self.options();
        let hosts = u32::try_from(options.addresses.len()).unwrap_or(u32::MAX);
        let limit = options.connect_timeout.saturating_mul(hosts).saturating_add(options.timeout).saturating_add(GRACE);
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::Error(Error::storage(format!(
                "the call {method} to the Hive Metastore {} broke off",
                options.uri()
            )))),
            Err(_) => Err(Failure::Error(no_answer(&options.uri(), limit))),
        }
    }
}

impl Shared {
    fn exchange<T: Read>(&self, method: &str, message: &[u8]) -> Result<T, Failure> {
        let idle = self.idle.lock().pop();
        if let Some(mut connection) = idle {
            match connection.exchange(message, self.options.timeout) {
                Ok(answer) => return self.finish(method, connection, answer),
                Err(_) if connection.is_closed() => {
                    // The others are as old.
                    self.idle.lock().clear();
                }
                Err(error) => return Err(Failure::Error(self.failed(&connection, &error))),
            }
        }
        let mut connection = self.connect().map_err(Failure::Error)?;
        match connection.exchange(message, self.options.timeout) {
            Ok(answer) => self.finish(method, connection, answer),
            Err(error) => Err(Failure::Error(self.failed(&connection, &error))),
        }
    }

    /// Keeps the connection for the next call, unless more came than an answer has.
    fn finish<T>(&self, method: &str, connection: Connection, answer: Answer<T>) -> Result<T, Failure> {
        if connection.input.buffer().is_empty() {
            let mut idle = self.idle.lock();
            if idle.len() < MOST_IDLE {
                idle.push(connection);
            }
        }
        match answer {
            Answer::Value(value) => Ok(value),
            Answer::Declared(number, message) => Err(Failure::Declared(number, message)),
            Answer::Refused(error) if error.kind == ApplicationErrorKind::UnknownMethod => Err(Failure::UnknownMethod),
            Answer::Refused(error) => Err(Failure::Error(Error::storage(format!(
                "the Hive Metastore {} cannot answer to {method}: {}",
                self.options.uri(),
                error.message
            )))),
        }
    }

    fn connect(&self) -> Result<Connection> {
        let mut tried = Vec::new();
        for address in &self.options.addresses {
            match open(address, self.options.connect_timeout) {
                Ok(stream) => return Ok(Connection::new(address.clone(), stream)),
                Err(error) => tried.push(format!("{address}: {}", in_words(&error))),
            }
        }
        Err(Error::storage(format!("no Hive Metastore can be reached at {}", tried.join("; ")))
            .help("its address is \"uri\" under [catalog.hive] in ostrich.toml")
            .help(format!(
                "\"connect-timeout\" there is how long connecting may take, now {}",
                humantime::format_duration(self.options.connect_timeout)
            )))
    }

    fn failed(&self, connection: &Connection, error: &thrift::Error) -> Error {
        let address = connection.address.to_string();
        match connection.failure() {
            Some(ErrorKind::TimedOut | ErrorKind::WouldBlock) => no_answer(&address, self.options.timeout),
            Some(ErrorKind::FileTooLarge) => {
                Error::storage(format!("the Hive Metastore {address} sends an answer of more than 1 GiB"))
            }
            Some(_) if connection.is_closed() => {
                Error::storage(format!("{address} closed the connection without an answer"))
                    .help("a metastore that asks for Kerberos or TLS cannot be used; its own log says what it missed")
                    .help("its address is \"uri\" under [catalog.hive] in ostrich.toml")
            }
            Some(kind) => Error::storage(format!("the Hive Metastore {address} cannot be read: {kind}")),
            None => Error::storage(format!(
                "what answers at {address} is no Hive Metastore that can be understood: {}",
                describe(error)
            ))
            .help("\"uri\" under [catalog.hive] in ostrich.toml is the address of a metastore, without Kerberos, TLS or HTTP"),
        }
    }
}

fn no_answer(address: &str, limit: Duration) -> Error {
    Error::storage(format!("the Hive Metastore {address} has not answered in {}", humantime::format_duration(limit)))
        .help("\"timeout\" under [catalog.hive] in ostrich.toml is how long an answer may take")
}

fn open(address: &Address, limit: Duration) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the host has no address");
    for resolved in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&resolved, limit) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_string(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no connection in time".to_string(),
        _ => error.to_string(),
    }
}

/// What Thrift's error says; its own text for it leaves that out.
fn describe(error: &thrift::Error) -> &str {
    match error {
        thrift::Error::Transport(error) => &error.message,
        thrift::Error::Protocol(error) => &error.message,
        thrift::Error::Application(error) => &error.message,
        thrift::Error::User(_) => "an exception that is not known",
    }
}

fn encode(method: &str, arguments: &[(i16, Value<'_>)]) -> thrift::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut message, true);
    output.write_message_begin(&TMessageIdentifier::new(method, TMessageType::Call, 0))?;
    wire::write_struct(&mut output, arguments)?;
    output.write_message_end()?;
    Ok(message)
}

/// What comes back.
enum Answer<T> {
    Value(T),
    Declared(i16, String),
    Refused(ApplicationError),
}

fn decode<T: Read>(input: &mut Input<'_>) -> thrift::Result<Answer<T>> {
    let begin = input.read_message_begin()?;
    if begin.message_type == TMessageType::Exception {
        return Ok(Answer::Refused(thrift::Error::read_application_error_from_in_protocol(input)?));
    }
    if begin.message_type != TMessageType::Reply {
        return Err(format!("a {:?} in the place of an answer", begin.message_type).into());
    }
    let mut answer = None;
    wire::fields(input, |input, number, kind| {
        match (number, kind) {
            (0, kind) if kind == T::TYPE => answer = Some(Answer::Value(T::read(input)?)),
            (1.., TType::Struct) => {
                let mut message = String::new();
                wire::fields(input, |input, number, kind| {
                    let is_message = (number, kind) == (1, TType::String);
                    if is_message {
                        message = input.read_string()?;
                    }
                    Ok(is_message)
                })?;
                answer = Some(Answer::Declared(number, message));
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    input.read_message_end()?;
    answer.ok_or_else(|| "an answer without a result".into())
}

/// An open connection.
#[derive(Debug)]
struct Connection {
    address: Address,
    input: BufReader<Timed>,
}

impl Connection {
    fn new(address: Address, stream: TcpStream) -> Self {
        let timed = Timed { stream, deadline: Instant::now(), left: 0, failure: None };
        Connection { address, input: BufReader::with_capacity(1 << 16, timed) }
    }

    fn exchange<T: Read>(&mut self, message: &[u8], limit: Duration) -> thrift::Result<Answer<T>> {
        let timed = self.input.get_mut();
        timed.deadline = Instant::now() + limit;
        timed.left = LONGEST_ANSWER;
        timed.failure = None;
        timed.send(message)?;
        decode(&mut TBinaryInputProtocol::new(&mut self.input, true))
    }

    /// What went wrong below Thrift.
    fn failure(&self) -> Option<ErrorKind> {
        self.input.get_ref().failure
    }

    fn is_closed(&self) -> bool {
        matches!(
            self.failure(),
            Some(
                ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
            )
        )
    }
}

/// A stream of which each exchange has its time, however slowly the bytes come.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    deadline: Instant,
    /// Bytes that may still come.
    left: u64,
    /// The last failure, which Thrift's errors tell by their text alone.
    failure: Option<ErrorKind>,
}

impl Timed {
    fn send(&mut self, message: &[u8]) -> std::io::Result<()> {
        let sent = self.time_left().and_then(|left| {
            self.stream.set_write_timeout(Some(left))?;
            self.stream.write_all(message)
        });
        self.noted(sent)
    }

    fn time_left(&self) -> std::io::Result<Duration> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }

    fn noted<T>(&mut self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        if let Err(error) = &outcome {
            self.failure = Some(error.kind());
        }
        outcome
    }
}

impl std::io::Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.time_left().and_then(|left| {
            self.stream.set_read_timeout(Some(left))?;
            match std::io::Read::read(&mut self.stream, buffer) {
                Ok(0) if !buffer.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => match self.left.checked_sub(read as u64) {
                    Some(left) => {
                        self.left = left;
                        Ok(read)
                    }
                    None => Err(ErrorKind::FileTooLarge.into()),
                },
                Err(error) => Err(error),
            }
        });
        match read {
            // The reader tries again.
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            read => self.noted(read),
        }
    }
}
