//! Settings: `SET name = value`, `RESET name`, `SHOW name`.
//!
//! `ostrich.*` are ours and listed here; `datafusion.*` go to DataFusion as they are. A setting applies from the next
//! statement on.

use std::time::Duration;

use datafusion::logical_expr::{LogicalPlan, ResetVariable, SetVariable, Statement as PlanStatement};

use super::Session;
use crate::error::{Error, Result};
use crate::execution::memory::TrackedPool;
use crate::execution::with_physical_planner;
use crate::names::nearest;
use crate::sql::dialect::Dialect;
use crate::storage::WriteLimits;
use crate::storage::commit::Patience;

/// A setting with its value, for SHOW ALL and completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub description: String,
}

/// The values of our own settings.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnSettings {
    pub dialect: Dialect,
    /// No statement may take longer; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Names of optimizer rules that are off.
    pub disabled_rules: Vec<String>,
    /// The optimizer is told nothing that rests on data: neither evidence nor what files say.
    pub no_data_facts: bool,
    /// How long a writer waits for another one; `None`: the default.
    pub lock_timeout: Option<Duration>,
    pub write: WriteLimits,
    /// How long a writer on an object store may be silent before others take it for dead; `None`: the default.
    pub lease: Option<Duration>,
}

const DIALECT: &str = "ostrich.dialect";
const TIMEOUT: &str = "ostrich.execution.timeout";
const DISABLED_RULES: &str = "ostrich.optimizer.disabled_rules";
const DATA_FACTS: &str = "ostrich.optimizer.data_facts";
/// Hive's, which is honoured.
const NULLS_LAST: &str = "hive.default.nulls.last";
const NULL_ORDER: &str = "datafusion.sql_parser.default_null_ordering";
const MAX_PARTITIONS: &str = "ostrich.write.max_partitions";
const TARGET_FILE_SIZE: &str = "ostrich.write.target_file_size";
const LOCK_TIMEOUT: &str = "ostrich.write.lock_timeout";
/// Long enough for what is written in a night, short enough to be told the same morning.
const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(600);
const LEASE: &str = "ostrich.write.lease";
/// A sleeping process or a store that does not answer should be past by then.
const DEFAULT_LEASE: Duration = Duration::from_secs(30);
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
const MEMORY_LIMIT: &str = "datafusion.runtime.memory_limit";

fn length_of_time(value: &str) -> Result<Duration> {
    humantime::parse_duration(value).map_err(|error| {
        Error::statement(format!("\"{value}\" is not a length of time: {error}")).help("write 90s, 10m or 1h 30m")
    })
}

impl OwnSettings {
    /// How long a writer waits for another one.
    fn lock_timeout(&self) -> Duration {
        self.lock_timeout.unwrap_or(DEFAULT_LOCK_TIMEOUT)
    }

    /// How writers bear with each other.
    pub(super) fn patience(&self) -> Patience {
        Patience { lock_timeout: self.lock_timeout(), lease: self.lease.unwrap_or(DEFAULT_LEASE) }
    }

    fn list(&self) -> Vec<Setting> {
        let setting = |name: &str, value: String, description: &str| Setting {
            name: name.to_string(),
            value,
            description: description.to_string(),
        };
        vec![
            setting(DIALECT, self.dialect.to_string(), "How SQL is read: ansi or hive"),
            setting(
                TIMEOUT,
                self.timeout.map_or_else(|| "0s".to_string(), |limit| humantime::format_duration(limit).to_string()),
                "A statement that takes longer is stopped; 0s: no limit",
            ),
            setting(
                LOCK_TIMEOUT,
                humantime::format_duration(self.lock_timeout()).to_string(),
                "How long a statement waits for another one that writes to the same table",
            ),
            setting(
                MAX_PARTITIONS,
                self.write.max_partitions.to_string(),
                "Into how many partitions one statement may write; more are an error, and nothing is written",
            ),
            setting(
                TARGET_FILE_SIZE,
                self.write
                    .target_file_size
                    .map_or_else(|| "0".to_string(), |size| bytesize::ByteSize(size).to_string()),
                "How large a written file becomes, about, before another one is begun; 0: as the engine divides the rows",
            ),
            setting(
                LEASE,
                humantime::format_duration(self.patience().lease).to_string(),
                "How long a statement that writes to an object store may be silent before others take it for dead",
            ),
            setting(
                DISABLED_RULES,
                self.disabled_rules.join(","),
                "Names of optimizer rules that are switched off, with commas between them",
            ),
            setting(
                DATA_FACTS,
                (!self.no_data_facts).to_string(),
                "Whether plans may rest on constraints that were checked and on what files say; false leaves RELY alone",
            ),
        ]
    }
}

impl Session {
    /// All settings, by name.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = self.own_settings().list();
        let state = self.context().state();
        let entries = state.config_options().entries().into_iter().chain(state.runtime_env().config_entries());
        settings.extend(entries.map(|entry| Setting {
            name: entry.key,
            value: entry.value.unwrap_or_default(),
            description: entry.description.to_string(),
        }));
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        settings.dedup_by(|a, b| a.name == b.name);
        settings
    }

    /// Changes a setting, or with `hivevar:name` a variable.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        if let Some(variable) = name.strip_prefix("hivevar:") {
            self.variables_mut(|variables| variables.set(variable, value));
            return Ok(());
        }
        let name = name.strip_prefix("hiveconf:").unwrap_or(name);
        let key = name.to_ascii_lowercase();
        match key.as_str() {
            DIALECT => {
                let dialect = value.parse()?;
                self.change_own_settings(|own| own.dialect = dialect);
            }
            TIMEOUT => {
                let limit = length_of_time(value)?;
                self.change_own_settings(|own| own.timeout = (!limit.is_zero()).then_some(limit));
            }
            LOCK_TIMEOUT => {
                let limit = length_of_time(value)?;
                self.change_own_settings(|own| own.lock_timeout = Some(limit));
            }
            MAX_PARTITIONS => {
                let most = value.trim().parse().ok().filter(|most| *most > 0).ok_or_else(|| {
                    Error::statement(format!("\"{value}\" is not a number of partitions")).help("write 1000")
                })?;
                self.change_own_settings(|own| own.write.max_partitions = most);
            }
            TARGET_FILE_SIZE => {
                let size = value.parse::<bytesize::ByteSize>().map_err(|_| {
                    Error::statement(format!("\"{value}\" is not a size")).help("write 256MB, 1GiB, or 0 for no limit")
                })?;
                let size = Some(size.as_u64()).filter(|size| *size > 0);
                self.change_own_settings(|own| own.write.target_file_size = size);
            }
            LEASE => {
                let lease = length_of_time(value)?;
                if lease < SHORTEST_LEASE {
                    return Err(Error::statement(format!("a lease of {value} is too short"))
                        .help("stores tell time in seconds: 1s is the least, and 30s the default"));
                }
                self.change_own_settings(|own| own.lease = Some(lease));
            }
            DISABLED_RULES => self.disable_rules(value)?,
            DATA_FACTS => {
                let on = match value.trim().to_ascii_lowercase().as_str() {
                    "true" | "on" | "1" => true,
                    "false" | "off" | "0" => false,
                    _ => return Err(Error::statement(format!("\"{value}\" is neither true nor false"))),
                };
                self.change_own_settings(|own| own.no_data_facts = !on);
            }
            MEMORY_LIMIT => self.set_memory_limit(value)?,
            _ if key.starts_with("datafusion.") => {
                self.check_known(&key)?;
                let plan = LogicalPlan::Statement(PlanStatement::SetVariable(SetVariable {
                    variable: key.clone(),
                    value: value.to_string(),
                }));
                self.context().execute_logical_plan(plan).await.map_err(|error| {
                    Error::statement(format!("\"{value}\" is not a value of {key}: {}", Error::from(error)))
                })?;
            }
            NULLS_LAST => {
                let order = match value.trim().to_ascii_lowercase().as_str() {
                    "true" => "nulls_max",
                    "false" => "nulls_min",
                    _ => return Err(Error::statement(format!("\"{value}\" is neither true nor false"))),
                };
                Box::pin(self.set(NULL_ORDER, order)).await?;
            }
            // Scripts set hundreds of Hive's and Hadoop's, which have nothing to set here; ${hiveconf:name} gives them back.
            _ if self.dialect() == Dialect::Hive && !key.starts_with("ostrich.") => {}
            _ => {
                self.check_known(&key)?;
            }
        }
        self.variables_mut(|variables| variables.set_setting(name, value));
        Ok(())
    }

    /// Puts a setting back to its default.
    pub async fn reset(&self, name: &str) -> Result<()> {
        let key = name.to_ascii_lowercase();
        self.check_known(&key)?;
        match key.as_str() {
            DIALECT => self.change_own_settings(|own| own.dialect = Dialect::default()),
            TIMEOUT => self.change_own_settings(|own| own.timeout = None),
            LOCK_TIMEOUT => self.change_own_settings(|own| own.lock_timeout = None),
            MAX_PARTITIONS => {
                self.change_own_settings(|own| own.write.max_partitions = WriteLimits::default().max_partitions);
            }
            TARGET_FILE_SIZE => self.change_own_settings(|own| own.write.target_file_size = None),
            LEASE => self.change_own_settings(|own| own.lease = None),
            DISABLED_RULES => self.disable_rules("")?,
            DATA_FACTS => self.change_own_settings(|own| own.no_data_facts = false),
            MEMORY_LIMIT => self.use_pool(crate::execution::memory::default_limit())?,
            _ => {
                let plan = LogicalPlan::Statement(PlanStatement::ResetVariable(ResetVariable { variable: key }));
                self.context().execute_logical_plan(plan).await?;
            }
        }
        Ok(())
    }

    pub(super) fn check_known(&self, key: &str) -> Result<()> {
        let settings = self.settings();
        if settings.iter().any(|setting| setting.name == key) {
            return Ok(());
        }
        let error = Error::statement(format!("no setting \"{key}\""));
        Err(match nearest(key, settings.iter().map(|setting| setting.name.as_str())) {
            Some(name) => error.help(format!("did you mean {name}?")),
            None => error.help("SHOW ALL lists them"),
        })
    }

    fn disable_rules(&self, names: &str) -> Result<()> {
        let names: Vec<String> =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
        let known = crate::optimizer::rule_names();
        for name in &names {
            if crate::optimizer::NEEDED.contains(&name.as_str()) {
                let error = Error::statement(format!("plans cannot be made without the optimizer rule \"{name}\""));
                return Err(error.help("EXPLAIN RULES shows what each rule changed"));
            }
            if !known.contains(name) {
                let error = Error::statement(format!("no optimizer rule \"{name}\""));
                return Err(match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => error.help(format!("did you mean {near}?")),
                    None => error.help(format!("the rules are: {}", known.join(", "))),
                });
            }
        }
        self.change_own_settings(|own| own.disabled_rules = names.clone());
        let disabled = names.into_iter().collect();
        self.rebuild(|builder| {
            with_physical_planner(builder, &disabled)
                .with_optimizer_rules(crate::optimizer::rules_with_prune(&disabled, std::sync::Arc::clone(&self.trace)))
        });
        Ok(())
    }

    fn set_memory_limit(&self, value: &str) -> Result<()> {
        let limit = value.parse::<bytesize::ByteSize>().map_err(|_| {
            Error::statement(format!("\"{value}\" is not a size of memory")).help("write 512MB, 8GB or 8GiB")
        })?;
        let limit = usize::try_from(limit.as_u64()).unwrap_or(usize::MAX);
        if limit == 0 {
            return Err(Error::statement("a memory limit of 0 lets no query run"));
        }
        self.use_pool(limit)
    }

    /// From the next statement on, memory comes from a new pool of this size.
    fn use_pool(&self, limit: usize) -> Result<()> {
        use datafusion::execution::runtime_env::RuntimeEnvBuilder;
        let pool = TrackedPool::new(limit);
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.context().runtime_env())
            .with_memory_pool(std::sync::Arc::clone(&pool) as _)
            .build_arc()?;
        self.rebuild(|builder| builder.with_runtime_env(runtime));
        self.replace_pool(pool);
        Ok(())
    }
}
