//! What tests share: tables as a metastore has them, and a metastore that is made up.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol as _, TListIdentifier,
    TMessageIdentifier, TMessageType, TOutputProtocol as _, TType,
};
use thrift::{ApplicationError, ApplicationErrorKind};

use super::wire::{FieldSchema, SerDe, StorageDescriptor, Table, Value, write_struct};
use super::{HIVE, HiveMetastore, HiveOptions};

pub(super) fn text_map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub(super) fn field(name: &str, type_name: &str) -> FieldSchema {
    FieldSchema { name: name.into(), type_name: type_name.into(), comment: None }
}

/// A table of Hive's kind with two columns.
pub(super) fn table(input_format: &str, serde: &str) -> Table {
    Table {
        name: "t".into(),
        database: "sales".into(),
        kind: "MANAGED_TABLE".into(),
        storage: StorageDescriptor {
            columns: vec![field("id", "int"), field("name", "string")],
            location: Some("file:/lake/t".into()),
            input_format: Some(input_format.into()),
            output_format: None,
            serde: SerDe { library: Some(serde.into()), parameters: BTreeMap::new() },
        },
        ..Table::default()
    }
}

/// What a made-up metastore does with a call.
pub(super) enum Reply {
    /// A result that is a struct.
    Struct(Vec<(i16, Value<'static>)>),
    Texts(Vec<&'static str>),
    /// An exception, by its number.
    Declared(i16, &'static str),
    UnknownMethod,
    Raw(&'static [u8]),
    /// Closes the connection.
    Close,
    Silence,
}

/// A metastore that answers by the name of the method, and counts its connections.
pub(crate) struct MadeUp {
    pub options: HiveOptions,
    pub connections: Arc<AtomicUsize>,
    metastore: HiveMetastore,
}

impl MadeUp {
    /// A client of it, always the same.
    pub(super) fn metastore(&self) -> &HiveMetastore {
        &self.metastore
    }
}

pub(super) fn made_up(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> MadeUp {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (Arc::new(answer), Arc::clone(&connections));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve(stream.unwrap(), &|method: &str| answer(method, number)));
        }
    });
    let mut options = HiveOptions::new(&format!("thrift://{address}")).unwrap();
    options.timeout = Duration::from_secs(20);
    MadeUp { metastore: HiveMetastore::new(HIVE, options.clone()), options, connections }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&str) -> Reply) {
    loop {
        let mut input = TBinaryInputProtocol::new(stream.try_clone().unwrap(), true);
        let Ok(call) = input.read_message_begin() else { return };
        input.skip(TType::Struct).unwrap();
        let message = match answer(&call.name) {
            Reply::Struct(values) => reply(&call.name, |output| {
                output.write_field_begin(&result_field(TType::Struct, 0))?;
                write_struct(output, &values)
            }),
            Reply::Texts(texts) => reply(&call.name, |output| {
                output.write_field_begin(&result_field(TType::List, 0))?;
                output.write_list_begin(&TListIdentifier::new(TType::String, texts.len() as i32))?;
                texts.iter().try_for_each(|text| output.write_string(text))
            }),
            Reply::Declared(number, message) => reply(&call.name, |output| {
                output.write_field_begin(&result_field(TType::Struct, number))?;
                write_struct(output, &[(1, Value::Text(message))])
            }),
            Reply::UnknownMethod => unknown_method(&call.name),
            Reply::Raw(bytes) => bytes.to_vec(),
            Reply::Close => return,
            Reply::Silence => return std::thread::sleep(Duration::from_secs(30)),
        };
        (&stream).write_all(&message).unwrap();
    }
}

fn result_field(kind: TType, number: i16) -> TFieldIdentifier {
    TFieldIdentifier::new::<Option<String>, String, i16>(None, kind, number)
}

fn reply(
    method: &str,
    result: impl FnOnce(&mut dyn thrift::protocol::TOutputProtocol) -> thrift::Result<()>,
) -> Vec<u8> {
    let mut message = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut message, true);
    output.write_message_begin(&TMessageIdentifier::new(method, TMessageType::Reply, 0)).unwrap();
    output.write_struct_begin(&thrift::protocol::TStructIdentifier::new("")).unwrap();
    result(&mut output).unwrap();
    output.write_field_stop().unwrap();
    output.write_struct_end().unwrap();
    message
}

fn unknown_method(method: &str) -> Vec<u8> {
    let mut message = Vec::new();
    let mut output = TBinaryOutputProtocol::new(&mut message, true);
    output.write_message_begin(&TMessageIdentifier::new(method, TMessageType::Exception, 0)).unwrap();
    let error = ApplicationError::new(ApplicationErrorKind::UnknownMethod, "Invalid method name");
    thrift::Error::write_application_error_to_out_protocol(&error, &mut output).unwrap();
    message
}

/// A metastore with the databases `default` and `sales`, and in it the tables `orders` and `customers`.
pub(crate) fn with_sales() -> MadeUp {
    made_up(|method, _| match method {
        "get_all_databases" => Reply::Texts(vec!["default", "sales"]),
        "get_all_tables" => Reply::Texts(vec!["customers", "orders"]),
        "get_database" => Reply::Struct(vec![(1, Value::Text("sales"))]),
        "get_table_req" => Reply::Struct(vec![(1, Value::Struct(orders()))]),
        _ => Reply::UnknownMethod,
    })
}

/// A table of text without files.
fn orders() -> Vec<(i16, Value<'static>)> {
    let column = |name, type_name| vec![(1, Value::Text(name)), (2, Value::Text(type_name))];
    let serde = vec![(2, Value::Text("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"))];
    let storage = vec![
        (1, Value::Structs(vec![column("o_key", "int"), column("o_price", "double")])),
        (2, Value::Text("file:/there/is/no/such/folder")),
        (3, Value::Text("org.apache.hadoop.mapred.TextInputFormat")),
        (7, Value::Struct(serde)),
    ];
    vec![(1, Value::Text("orders")), (2, Value::Text("sales")), (7, Value::Struct(storage))]
}
