//! Evaluates the expressions of the machines with the engine of the emulator.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use serde_json::{Map, Value, json};

use crate::machine::project;

pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:process-file:contract";

pub(crate) const NAME: &str = "contract";

/// One engine for all tests. It ends with this process, when its stdin closes.
static ENGINE: LazyLock<Mutex<Engine>> = LazyLock::new(|| Mutex::new(Engine::start()));

struct Engine {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

impl Engine {
    fn start() -> Self {
        let python = project().join(".venv/bin/python");
        let mut command = Command::new(&python);
        command.arg(project().join("tests/contract/expressions.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}: run `make setup`", python.display()));
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { questions, answers, _process: process }
    }

    fn ask(&mut self, expression: &str, variables: &BTreeMap<&str, Value>) -> Result<Value, String> {
        writeln!(self.questions, "{}", json!({"expression": expression, "variables": variables})).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["value"].clone()),
        }
    }
}

/// The variables of an expression. `$states.context` always exists.
pub(crate) struct Expressions {
    variables: BTreeMap<&'static str, Value>,
    /// The value of `${StartAt}`.
    start_at: &'static str,
}

impl Expressions {
    pub(crate) fn new(variables: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let context = json!({"Execution": {"Id": EXECUTION, "Name": NAME}, "State": {"RetryCount": 2}});
        let mut variables: BTreeMap<_, _> = variables.into_iter().collect();
        variables.entry("states").or_insert_with(|| json!({}))["context"] = context;
        Self { variables, start_at: "CheckFileExtension" }
    }

    /// Evaluates as in a stack with a fault plan.
    pub(crate) fn with_plan(self) -> Self {
        Self { start_at: "PlanFailures", ..self }
    }

    /// Evaluates in a state with this input.
    pub(crate) fn with_input(input: &Value) -> Self {
        Self::new([("states", json!({"input": input}))])
    }

    /// Evaluates in a state whose function returned this answer.
    pub(crate) fn with_answer(answer: &impl serde::Serialize) -> Self {
        Self::new([("states", json!({"input": {}, "result": {"Payload": answer}}))])
    }

    /// Replaces each expression in a template by its value.
    pub(crate) fn fill(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => match text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}")) {
                Some(expression) => self.value_of(expression.trim()),
                None => template.clone(),
            },
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            _ => template.clone(),
        }
    }

    fn value_of(&self, expression: &str) -> Value {
        let expression = expression.replace("${StartAt}", self.start_at);
        let mut engine = ENGINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        engine.ask(&expression, &self.variables).unwrap_or_else(|error| panic!("{error}: {expression}"))
    }
}

/// Decodes as the function does. Unknown fields are errors.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(payload: &Value) -> T {
    serde_json::from_value(payload.clone()).unwrap_or_else(|error| panic!("{error}: {payload:#}"))
}
