//! The rights, buckets and limits of the template. The tests read it as text, so they need no parser for YAML with the
//! tags of CloudFormation.

use std::collections::BTreeSet;

use crate::machine::{Machine, read};

const TEMPLATE: &str = "infra/template.yaml";

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the indented block below the first line `header`.
fn block<'a>(text: &'a str, header: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| line.trim() != header);
    let depth = indentation(lines.next().unwrap_or_else(|| panic!("{TEMPLATE} has no {header}")));
    lines.take_while(|line| line.trim().is_empty() || indentation(line) > depth).collect()
}

/// A statement of a policy. `comment` is true if a comment stands above it.
struct Statement<'a> {
    lines: Vec<&'a str>,
    comment: bool,
}

impl Statement<'_> {
    fn allows(&self) -> bool {
        self.lines.iter().any(|line| line.trim() == "Effect: Allow")
    }

    fn contains(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// Returns its actions, such as `s3:GetObject`.
    fn actions(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| {
            let word = line.trim().trim_start_matches("- ").trim_start_matches("Action: ");
            let (service, action) = word.split_once(':')?;
            let is_action = service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                && action.chars().all(|c| c.is_ascii_alphabetic() || c == '*');
            (is_action && !action.is_empty()).then_some(word)
        })
    }
}

fn statements(text: &str) -> Vec<Statement<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (effect, line) in
        lines.iter().enumerate().filter(|(_, line)| line.trim().trim_start_matches("- ").starts_with("Effect:"))
    {
        let depth = indentation(line) - if line.trim().starts_with("- ") { 0 } else { 2 };
        let starts = |line: &str| indentation(line) == depth && line.trim_start().starts_with("- ");
        let first = (0..=effect).rev().find(|at| starts(lines[*at])).unwrap();
        let rest = lines[first + 1..].iter().take_while(|line| indentation(line) > depth && !line.trim().is_empty());
        // The comment of a conditional statement stands above its `!If`.
        let comment = (first.saturating_sub(3)..first).rev().map(|at| lines[at].trim());
        let comment = comment
            .take_while(|line| line.starts_with('#') || line.starts_with("- "))
            .any(|line| line.starts_with('#'));
        found.push(Statement { lines: std::iter::once(lines[first]).chain(rest.copied()).collect(), comment });
    }
    found
}

#[test]
fn template_substitutes_every_placeholder() {
    let template = read(TEMPLATE);
    for machine in Machine::all() {
        let header = format!("DefinitionS3Location: ../statemachine/{}.asl.json", machine.name);
        let (_, definition) = template.split_once(&header).unwrap();
        let lines = block(definition, "DefinitionSubstitutions:").into_iter().map(str::trim);
        let given = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
        let given: BTreeSet<String> = given.map(|(name, _)| name.to_owned()).collect();
        assert_eq!(given, machine.substitutions(), "{}", machine.name);
    }
}

/// Returns the roles whose policies contain this text.
fn roles_with(words: &str) -> BTreeSet<String> {
    let template = read(TEMPLATE);
    let mut role = "";
    let mut found = BTreeSet::new();
    for line in template.lines() {
        if indentation(line) == 2 && line.trim_end().ends_with(':') {
            role = line.trim().trim_end_matches(':');
        }
        if line.contains(words) && role.ends_with("Role") {
            found.insert(role.to_owned());
        }
    }
    found
}

#[test]
fn sensitive_rights_have_only_listed_roles() {
    let check = |words: &str, roles: &[&str]| {
        assert_eq!(roles_with(words), roles.iter().map(|role| format!("{role}Role")).collect(), "{words}");
    };
    // The reconciler reads the ledger. The stack has one secret.
    check("secretsmanager:GetSecretValue", &["Loader", "Transformer", "Reconciler"]);
    check("s3:PutObject", &["Loader", "Transformer"]);
    check("events:PutEvents", &["StateMachine", "RunPipeline", "SweepRuns"]);
    check("sns:Publish", &["StateMachine", "RunPipeline", "SweepRuns", "Reconcile"]);
    check(
        "states:StartExecution",
        &[
            "ObjectCreatedRule",
            "RunEndedRule",
            "StateMachine",
            "SweepSchedule",
            "SweepRuns",
            "ScheduledReconcile",
            "Reconcile",
        ],
    );
    check("states:ListExecutions", &["Reconciler"]);
    check("states:DescribeExecution", &["Reconciler"]);
    check("sqs:ReceiveMessage", &["Reconciler"]);
    check("sqs:DeleteMessage", &[]);
}

#[test]
fn no_right_has_a_wildcard() {
    let template = read(TEMPLATE);
    let statements = statements(&template);
    assert!(statements.len() > 20, "only {} statements were found", statements.len());
    for statement in statements.iter().filter(|statement| statement.allows()) {
        let head = statement.lines[0].trim();
        let of_the_key_itself = statement.contains("Sid: AccountAdministers");
        for action in statement.actions().filter(|_| !of_the_key_itself) {
            assert!(!action.contains('*'), "{head} allows {action}");
        }
        assert!(
            !statement.lines.iter().any(|line| [r#"- "*""#, r#"Action: "*""#].contains(&line.trim())),
            "{head} allows everything"
        );
        assert!(statement.actions().next().is_some() || statement.contains("sts:AssumeRole"), "{head} allows nothing");
        assert!(!statement.contains("Resource: \"*\"") || statement.comment, "{head}: Resource \"*\" without a reason");
    }
}

/// The output of the stack must not become its input.
#[test]
fn no_role_writes_to_the_landing_bucket() {
    let template = read(TEMPLATE);
    for statement in
        statements(&template).iter().filter(|statement| statement.allows() && statement.contains("LandingBucket"))
    {
        for action in statement.actions().filter(|action| action.starts_with("s3:")) {
            let reads = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions"];
            assert!(reads.contains(&action), "{action} is allowed");
        }
    }
    let denied = block(&template, "- Sid: NoFunctionWrites").join("\n");
    for role in
        ["CheckFileExtension", "TriggerResolver", "RandomFailureGenerator", "Loader", "Transformer", "Reconciler"]
    {
        assert!(denied.contains(&format!("!GetAtt {role}Role.Arn")), "the bucket policy does not deny {role}");
    }
}

/// An event that cannot start its state machine is kept in the dead-letter queue.
#[test]
fn every_rule_has_the_dead_letter_queue() {
    let template = read(TEMPLATE);
    let allowed = block(&template, "DeadLetterQueuePolicy:").join("\n");
    for rule in ["ObjectCreatedRule", "RunEndedRule"] {
        assert!(
            block(&template, &format!("{rule}:")).join("\n").contains("Arn: !GetAtt DeadLetterQueue.Arn"),
            "{rule}"
        );
        assert!(allowed.contains(&format!("!GetAtt {rule}.Arn")), "{rule}");
    }
    assert_eq!(template.matches("Type: AWS::Events::Rule").count(), 2, "a rule that this test does not know");
}

#[test]
fn data_buckets_are_private_and_retained() {
    let template = read(TEMPLATE);
    for bucket in ["LandingBucket:", "DefinitionsBucket:", "CuratedBucket:"] {
        let properties = block(&template, bucket).join("\n");
        for setting in [
            "DeletionPolicy: RetainExceptOnCreate",
            "UpdateReplacePolicy: Retain",
            "SSEAlgorithm:",
            "RestrictPublicBuckets: true",
            "ObjectOwnership: BucketOwnerEnforced",
            "Status: Enabled",
        ] {
            assert!(properties.contains(setting), "{bucket} {setting}");
        }
        assert!(
            block(&template, &bucket.replace(':', "Policy:")).join("\n").contains("aws:SecureTransport"),
            "{bucket}"
        );
    }
}

#[test]
fn undelivered_event_is_kept_and_raises_an_alarm() {
    let template = read(TEMPLATE);
    let check = |resource: &str, setting: &str| {
        assert!(block(&template, resource).iter().any(|line| line.trim() == setting), "{resource} {setting}");
    };
    check("ObjectCreatedRule:", "DeadLetterConfig:");
    check("ObjectCreatedRule:", "Arn: !GetAtt DeadLetterQueue.Arn");
    check("DeadLetterQueue:", "MessageRetentionPeriod: 1209600");
    check("DeadLetterQueuePolicy:", "Service: events.amazonaws.com");
    check("DeadLetterAlarm:", "Threshold: 1");
    check("DeadLetterAlarm:", "AlarmActions: [!Ref Topic]");
}

/// Otherwise the task would time out first, and the function's answer would be lost.
#[test]
fn task_timeouts_exceed_function_timeouts() {
    let template = read(TEMPLATE);
    let number = |lines: Vec<&str>, field: &str| -> Option<u64> {
        lines.iter().find_map(|line| line.trim().strip_prefix(field)?.trim().parse().ok())
    };
    for machine in Machine::all() {
        for (state, task, function) in machine.calls() {
            let timeout_s = number(block(&template, &format!("{function}:")), "Timeout:")
                .or_else(|| number(block(&template, &format!("{function}Timeout:")), "MaxValue:"))
                .unwrap();
            let waited_s = task["TimeoutSeconds"].as_u64().unwrap();
            assert!(waited_s > timeout_s, "{state} waits {waited_s} s for a function of {timeout_s} s");
        }
    }
}
