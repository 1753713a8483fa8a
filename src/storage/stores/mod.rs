//! Urls to object stores: makes the store behind a bucket, a container or a host when it is first used.

mod config;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider};
use url::Url;

pub use config::StoreConfig;

use super::location::query_of_store;
use crate::error::{Error, Result};

/// DataFusion's registry of stores. It needs no registration: every URL that [`Location`](super::location::Location)
/// understands gets its store on first use, configured from a [`StoreConfig`].
#[derive(Debug)]
pub struct StoreRegistry {
    config: StoreConfig,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl StoreRegistry {
    pub fn new(config: StoreConfig) -> Self {
        StoreRegistry { config, stores: Mutex::default() }
    }

    fn stores(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<dyn ObjectStore>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        match url.scheme() {
            "file" => Ok(Arc::new(LocalFileSystem::new())),
            "s3" => s3(url, &self.config),
            "gs" => gcs(url, &self.config),
            "az" | "abfss" => azure(url, &self.config),
            "http" | "https" => http(url),
            other => Err(Error::storage(format!("there is no store for {other}://"))),
        }
    }
}

impl ObjectStoreRegistry for StoreRegistry {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.stores().insert(key(url), store)
    }

    fn deregister_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        let removed = self.stores().remove(&key(url));
        Ok(removed.ok_or_else(|| Error::storage(format!("no store is registered for {}", key(url))))?)
    }

    fn get_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        let mut stores = self.stores();
        if let Some(store) = stores.get(&key(url)) {
            return Ok(Arc::clone(store));
        }
        let store = self.connect(url)?;
        stores.insert(key(url), Arc::clone(&store));
        Ok(store)
    }
}

/// Scheme and authority: all that tells stores apart.
fn key(url: &Url) -> String {
    url[..url::Position::AfterPort].to_string()
}

/// A wrong key is refused at once and not tried again. What is tried again are connections and a server's own failures,
/// briefly: a person is waiting.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 4,
        retry_timeout: Duration::from_secs(60),
    }
}

fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(5))
        // For one whole answer, which may be a large file.
        .with_timeout(Duration::from_secs(600))
}

fn refused(url: &Url, error: &object_store::Error) -> Error {
    let reason = error.to_string();
    // "Generic GCS error: " stands before what matters.
    let reason = match reason.strip_prefix("Generic ").and_then(|rest| rest.split_once(" error: ")) {
        Some((_, reason)) => reason,
        None => &reason,
    };
    Error::storage(format!("the store {} cannot be used: {reason}", key(url)))
}

fn s3(url: &Url, config: &StoreConfig) -> Result<Arc<dyn ObjectStore>> {
    let mut builder =
        AmazonS3Builder::new().with_url(url.as_str()).with_retry(retries()).with_client_options(client_options());
    let mut endpoint =
        config.get("AWS_ENDPOINT_URL_S3").or(config.get("AWS_ENDPOINT_URL")).or(config.get("AWS_ENDPOINT"));
    let has_own_credentials = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE"]
        .iter()
        .any(|name| config.get(name).is_some());
    let profile = if has_own_credentials && config.get("AWS_PROFILE").is_none() {
        Default::default()
    } else {
        config.aws_profile()?
    };
    if !has_own_credentials {
        let setting = |name: &str| profile.get(name).filter(|value| !value.is_empty());
        match (setting("aws_access_key_id"), setting("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                builder = builder.with_access_key_id(id).with_secret_access_key(secret);
                if let Some(token) = setting("aws_session_token") {
                    builder = builder.with_token(token);
                }
            }
            _ if config.get("AWS_PROFILE").is_some() => {
                return Err(Error::storage("the AWS profile has no aws_access_key_id with aws_secret_access_key")
                    .help("profiles that sign in or assume a role are not read: export AWS_ACCESS_KEY_ID and its companions"));
            }
            _ => {}
        }
    }
    if let Some(region) = profile.get("region") {
        builder = builder.with_region(region);
    }
    if endpoint.is_none() {
        endpoint = profile.get("endpoint_url").map(String::as_str);
    }
    for (name, value) in config.lower_case("AWS_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    // AWS_REGION counts over AWS_DEFAULT_REGION, and both over the profile's.
    if let Some(region) = config.get("AWS_REGION").or(config.get("AWS_DEFAULT_REGION")) {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
        if endpoint.starts_with("http://") && config.get("AWS_ALLOW_HTTP").is_none() {
            builder = builder.with_allow_http(true);
        }
    }
    let store = builder.build().map_err(|error| refused(url, &error).help(credentials_hint("s3")))?;
    Ok(Arc::new(store))
}

fn gcs(url: &Url, config: &StoreConfig) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_retry(retries())
        // Google's own address is https; whoever names another one means it.
        .with_client_options(client_options().with_allow_http(true));
    let emulator = config.get("STORAGE_EMULATOR_HOST");
    if let Some(host) = emulator {
        builder = builder.with_base_url(&emulator_url(host));
    }
    for (name, value) in config.lower_case("GOOGLE_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    let has_credentials = GCS_CREDENTIALS.iter().any(|name| config.get(name).is_some());
    let skips = builder.get_config_value(&GoogleConfigKey::SkipSignature).is_some_and(|text| is_true(&text));
    if skips || (emulator.is_some() && !has_credentials) {
        // The client asks for credentials in front of a write even if it is told not to sign.
        let nobody = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(nobody));
    }
    let store = builder.build().map_err(|error| refused(url, &error).help(credentials_hint("gs")))?;
    Ok(Arc::new(store))
}

/// The variables that name credentials of Google's.
const GCS_CREDENTIALS: [&str; 4] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
];

/// As object_store reads settings that are on or off.
fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// Google's libraries take `STORAGE_EMULATOR_HOST` with and without a scheme.
fn emulator_url(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_string() } else { format!("http://{host}") }
}

fn azure(url: &Url, config: &StoreConfig) -> Result<Arc<dyn ObjectStore>> {
    let mut builder =
        MicrosoftAzureBuilder::new().with_url(url.as_str()).with_retry(retries()).with_client_options(client_options());
    for (key, value) in azure_settings(url, config)? {
        builder = builder.with_config(key, value);
    }
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) && config.get("AZURE_ALLOW_HTTP").is_none() {
        builder = builder.with_allow_http(true);
    }
    let store = builder.build().map_err(|error| refused(url, &error).help(credentials_hint("az")))?;
    Ok(Arc::new(store))
}

/// The settings of Azure's client, the stronger ones behind the weaker: a connection string, what the command `az` calls account and
/// key, and then what the client itself knows.
fn azure_settings(url: &Url, config: &StoreConfig) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut settings = match config.get(CONNECTION_STRING) {
        Some(text) => connection_settings(text)?,
        None => Vec::new(),
    };
    // The URL may name another account, which has another key and lies elsewhere.
    let account_of_url = url.host_str().and_then(|host| host.split_once('.')).map(|(account, _)| account);
    let connected = settings.iter().find(|(key, _)| *key == AzureConfigKey::AccountName).map(|(_, name)| name.as_str());
    if let (Some(wanted), Some(connected)) = (account_of_url, connected)
        && wanted != connected
    {
        settings.clear();
    }
    for (name, key) in
        [("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName), ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey)]
    {
        settings.extend(config.get(name).map(|value| (key, value.to_string())));
    }
    let known = config.lower_case("AZURE_").filter_map(|(name, value)| Some((name.parse().ok()?, value.to_string())));
    settings.extend(known);
    Ok(settings)
}

const CONNECTION_STRING: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// What `AccountName=…;AccountKey=…;EndpointSuffix=…` says.
fn connection_settings(text: &str) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut parts = HashMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        // Keys end with `=`, so only the first one divides.
        let Some((name, value)) = part.split_once('=') else {
            return Err(Error::storage(format!("{CONNECTION_STRING} is no connection string: a part has no \"=\""))
                .help("it looks like AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"));
        };
        parts.insert(name.trim().to_ascii_lowercase(), value.trim().to_string());
    }
    let part = |name: &str| parts.get(name).cloned();
    if part("usedevelopmentstorage").is_some_and(|uses| uses.eq_ignore_ascii_case("true")) {
        return Ok(vec![(AzureConfigKey::UseEmulator, "true".to_string())]);
    }
    let endpoint = part("blobendpoint").or_else(|| {
        let (account, suffix) = (part("accountname")?, part("endpointsuffix")?);
        let protocol = part("defaultendpointsprotocol").unwrap_or_else(|| "https".to_string());
        Some(format!("{protocol}://{account}.blob.{suffix}"))
    });
    // With a signature the string often has the endpoint alone, which begins with the account.
    let account = part("accountname").or_else(|| {
        let endpoint = Url::parse(endpoint.as_deref()?).ok()?;
        Some(endpoint.host_str()?.split_once('.')?.0.to_string())
    });
    let settings = [
        (AzureConfigKey::AccountName, account),
        (AzureConfigKey::AccessKey, part("accountkey")),
        (AzureConfigKey::SasKey, part("sharedaccesssignature")),
        (AzureConfigKey::Endpoint, endpoint),
    ];
    Ok(settings.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

fn http(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    let mut base = url.clone();
    let query = query_of_store(url);
    base.set_query(query.as_deref());
    // Neither can fail: the URL has a host.
    let _ = base.set_username("");
    let store = HttpBuilder::new()
        .with_url(base.as_str())
        .with_retry(retries())
        .with_client_options(client_options().with_allow_http(url.scheme() == "http"))
        .build()
        .map_err(|error| refused(&base, &error))?;
    Ok(Arc::new(store))
}

/// Which settings a store's credentials come from, for messages. Never holds a value.
pub(crate) fn credentials_hint(scheme: &str) -> &'static str {
    match scheme {
        "s3" => {
            "the key comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the profile AWS_PROFILE in ~/.aws/credentials; AWS_ENDPOINT_URL and AWS_REGION say where the bucket is; AWS_SKIP_SIGNATURE=true reads a public bucket"
        }
        "gs" => {
            "the credentials come from GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, which name a file, or from `gcloud auth application-default login`; GOOGLE_SKIP_SIGNATURE=true reads a public bucket"
        }
        "az" | "abfss" => {
            "the credentials come from AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or from AZURE_STORAGE_CONNECTION_STRING; AZURE_USE_AZURE_CLI=true takes those of `az login`; AZURE_SKIP_SIGNATURE=true reads a public container"
        }
        _ => "the server asks for credentials, which http(s) URLs cannot carry",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(config: StoreConfig) -> StoreRegistry {
        StoreRegistry::new(config)
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn stores_are_made_once() {
        let registry = registry(StoreConfig::default());
        let first = registry.get_store(&url("file:///")).unwrap();
        let second = registry.get_store(&url("file:///")).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn s3_takes_region_and_endpoint_from_the_configuration() {
        let config = StoreConfig::default()
            .with("AWS_ACCESS_KEY_ID", "id")
            .with("AWS_SECRET_ACCESS_KEY", "hush")
            .with("AWS_DEFAULT_REGION", "eu-west-3")
            .with("AWS_ENDPOINT", "http://localhost:1");
        let store = registry(config).get_store(&url("s3://bucket/")).unwrap();
        let shown = format!("{store:?}");
        assert!(shown.contains("eu-west-3") && shown.contains("http://localhost:1/bucket"), "{shown}");
    }

    #[test]
    fn half_a_key_is_refused_without_telling_the_secret() {
        let config = StoreConfig::default().with("AWS_SECRET_ACCESS_KEY", "hush");
        let error = registry(config).get_store(&url("s3://bucket/")).unwrap_err().to_string();
        assert!(error.contains("AWS_ACCESS_KEY_ID") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn unknown_scheme_is_an_error() {
        assert!(registry(StoreConfig::default()).get_store(&url("ftp://host/")).is_err());
    }
}
