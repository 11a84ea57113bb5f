//! The security rules of the template. They cover all resources of a kind, also new ones. A planted fault shows that
//! each rule works.

use crate::machine::read;

const TEMPLATE: &str = "infra/template.yaml";

/// The statements that may allow actions on every resource, with the actions and the reason.
const ANY_RESOURCE: [(&str, &[&str], &str); 5] = [
    (
        "Traces",
        &["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"],
        "X-Ray has no resources to name",
    ),
    (
        "LogDelivery",
        &[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        "the actions for log delivery support only \"*\"",
    ),
    (
        "NetworkInterfaces",
        &[
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ],
        "Lambda creates the interfaces, so they have no name yet",
    ),
    ("AccountAdministers", &["kms:*"], "in the policy of a key, the resource is that key"),
    ("AlarmPublishes", &["kms:Decrypt", "kms:GenerateDataKey"], "in the policy of a key, the resource is that key"),
];

/// Resource types without user data, or that AWS always encrypts.
const NEED_NO_ENCRYPTION: [&str; 13] = [
    "AWS::CloudWatch::Alarm",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
];

const PUBLIC_ACCESS: [&str; 4] =
    ["BlockPublicAcls: true", "BlockPublicPolicy: true", "IgnorePublicAcls: true", "RestrictPublicBuckets: true"];

/// The roles that may read the database secret.
const SECRET_READERS: [&str; 3] = ["LoaderRole", "TransformerRole", "ReconcilerRole"];

/// A resource of the template, without comments.
struct Resource<'a> {
    name: &'a str,
    kind: &'a str,
    lines: Vec<&'a str>,
}

impl Resource<'_> {
    fn has_line(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.trim().trim_start_matches("- ") == text)
    }

    /// Returns the statements of its policies, as lines.
    fn statements(&self) -> Vec<Vec<&str>> {
        let effects = self.lines.iter().enumerate().filter(|(_, line)| line.contains("Effect: "));
        let statement = |(at, effect): (usize, &&str)| {
            let depth = indentation(effect) - if effect.trim().starts_with("- ") { 0 } else { 2 };
            let is_first =
                |at: &usize| self.lines[*at].trim().starts_with("- ") && indentation(self.lines[*at]) == depth;
            let first = (0..=at).rev().find(is_first).unwrap();
            let rest = self.lines[first + 1..].iter().take_while(|line| indentation(line) > depth);
            std::iter::once(&self.lines[first]).chain(rest).map(|line| line.trim().trim_start_matches("- ")).collect()
        };
        effects.map(statement).collect()
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn resources(template: &str) -> Vec<Resource<'_>> {
    let (_, below) = template.split_once("\nResources:\n").unwrap();
    let (below, _) = below.split_once("\nOutputs:\n").unwrap();
    let mut found: Vec<Resource<'_>> = Vec::new();
    for line in below.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        match (indentation(line), found.last_mut()) {
            (2, _) => found.push(Resource { name: line.trim().trim_end_matches(':'), kind: "", lines: Vec::new() }),
            (4, Some(last)) if line.trim().starts_with("Type: ") => {
                last.kind = line.trim().trim_start_matches("Type: ");
            }
            (_, Some(last)) => last.lines.push(line),
            (_, None) => panic!("no resource for {line}"),
        }
    }
    found
}

/// Returns the violations in a template.
fn violations(template: &str) -> Vec<String> {
    let resources = resources(template);
    let of_each = resources.iter().flat_map(|resource| {
        let rights = resource.statements().into_iter().flat_map(|statement| wrong_rights(resource.name, &statement));
        rights.chain(unencrypted(resource)).chain(public(resource)).chain(without_retention(resource, &resources))
    });
    of_each.chain(without_tls(&resources)).collect()
}

fn wrong_rights(role: &str, statement: &[&str]) -> Vec<String> {
    if !statement.contains(&"Effect: Allow") {
        return Vec::new();
    }
    let actions = statement.iter().map(|line| line.trim_start_matches("Action: ").trim_matches('"')).filter(|word| {
        let (service, action) = word.split_once(':').unwrap_or((word, "*"));
        let is_service = !service.is_empty() && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        *word == "*"
            || is_service && !action.starts_with(' ') && action.chars().all(|c| c.is_ascii_alphabetic() || c == '*')
    });
    let actions: Vec<&str> = actions.filter(|action| !action.is_empty()).collect();
    let sid = statement.iter().find_map(|line| line.strip_prefix("Sid: ")).unwrap_or_default();
    let excepted = ANY_RESOURCE.iter().find(|(name, ..)| *name == sid).map_or(&[][..], |(_, actions, _)| actions);
    let reaches_all =
        statement.iter().any(|line| ["Resource: \"*\"", "Resource: '*'", "Resource: *", "\"*\""].contains(line));
    let mut wrong = Vec::new();
    for action in actions {
        let is_excepted = excepted.contains(&action);
        if action.contains('*') && !is_excepted {
            wrong.push(format!("{role}: {action} is a wildcard"));
        }
        if reaches_all && !is_excepted {
            wrong.push(format!("{role}: {action} of every resource"));
        }
        if action.starts_with("secretsmanager:") && !SECRET_READERS.contains(&role) {
            wrong.push(format!("{role}: may read secrets"));
        }
        let reads = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions"].contains(&action);
        if action.starts_with("s3:") && !reads && statement.iter().any(|line| line.contains("LandingBucket")) {
            wrong.push(format!("{role}: {action} of the landing bucket"));
        }
    }
    wrong
}

fn unencrypted(resource: &Resource<'_>) -> Option<String> {
    let is_encrypted = match resource.kind {
        "AWS::S3::Bucket" => resource.lines.iter().any(|line| line.trim().starts_with("SSEAlgorithm: ")),
        "AWS::SQS::Queue" => resource.has_line("SqsManagedSseEnabled: true"),
        "AWS::SNS::Topic" => resource.lines.iter().any(|line| line.trim().starts_with("KmsMasterKeyId: ")),
        kind => NEED_NO_ENCRYPTION.contains(&kind),
    };
    (!is_encrypted).then(|| format!("{}: {} is not encrypted", resource.name, resource.kind))
}

fn public(resource: &Resource<'_>) -> Option<String> {
    let is_private =
        resource.kind != "AWS::S3::Bucket" || PUBLIC_ACCESS.iter().all(|setting| resource.has_line(setting));
    (!is_private).then(|| format!("{}: can become public", resource.name))
}

/// A log group that Lambda or Step Functions creates itself has no retention.
fn without_retention(resource: &Resource<'_>, resources: &[Resource<'_>]) -> Option<String> {
    let is_in_template = |group: &str| resources.iter().any(|it| it.kind == "AWS::Logs::LogGroup" && it.name == group);
    let named = |before: &str, after: &str| {
        let mut named = resource.lines.iter().filter_map(|line| line.trim().strip_prefix(before)?.strip_suffix(after));
        named.any(is_in_template)
    };
    let ends = match resource.kind {
        "AWS::Logs::LogGroup" => resource.lines.iter().any(|line| line.trim().starts_with("RetentionInDays: ")),
        "AWS::Lambda::Function" => named("LogGroup: !Ref ", ""),
        "AWS::StepFunctions::StateMachine" => named("LogGroupArn: !GetAtt ", ".Arn"),
        _ => true,
    };
    (!ends).then(|| format!("{}: logs have no retention", resource.name))
}

fn without_tls(resources: &[Resource<'_>]) -> Vec<String> {
    let requires_tls = |bucket: &str| {
        let policies = resources.iter().filter(|it| it.kind == "AWS::S3::BucketPolicy");
        policies.filter(|it| it.has_line(&format!("Bucket: !Ref {bucket}"))).flat_map(Resource::statements).any(
            |statement| {
                let (whole, objects) = (format!("!GetAtt {bucket}.Arn"), format!("!Sub ${{{bucket}.Arn}}/*"));
                let words = [
                    "Effect: Deny",
                    "Principal: \"*\"",
                    "Action: s3:*",
                    "aws:SecureTransport: \"false\"",
                    &whole,
                    &objects,
                ];
                words.iter().all(|word| statement.contains(word))
            },
        )
    };
    let buckets = resources.iter().filter(|it| it.kind == "AWS::S3::Bucket" && !requires_tls(it.name));
    buckets.map(|bucket| format!("{}: allows access without TLS", bucket.name)).collect()
}

#[test]
fn template_follows_the_security_rules() {
    assert_eq!(violations(&read(TEMPLATE)), Vec::<String>::new());
}

#[test]
fn security_check_finds_planted_faults() {
    let template = read(TEMPLATE);
    let check = |from: &str, to: &str, fault: &str| {
        assert!(template.contains(from), "the template has no {from}");
        let found = violations(&template.replacen(from, to, 1));
        assert!(found.iter().any(|found| found.contains(fault)), "{from} → {to}: {found:?}");
    };
    check("Action: lambda:InvokeFunction", "Action: lambda:*", "lambda:* is a wildcard");
    check("Action: lambda:InvokeFunction", "Action: \"*\"", "* is a wildcard");
    check(
        "Action: sns:Publish\n                Resource: !Ref Topic",
        "Action: sns:Publish\n                Resource: \"*\"",
        "sns:Publish of every resource",
    );
    check("- xray:PutTraceSegments", "- xray:PutResourcePolicy", "xray:PutResourcePolicy of every resource");
    check(
        "- s3:GetObjectVersion\n                Resource: !Sub ${LandingBucket.Arn}/*",
        "- s3:PutObject\n                Resource: !Sub ${LandingBucket.Arn}/*",
        "s3:PutObject of the landing bucket",
    );
    check("Action: s3:ListBucket", "Action: secretsmanager:GetSecretValue", "TriggerResolverRole: may read secrets");
    check(
        "aws:SecureTransport: \"false\"",
        "aws:SecureTransport: \"true\"",
        "LandingBucket: allows access without TLS",
    );
    check("- !Sub ${CuratedBucket.Arn}/*", "- !Sub ${LandingBucket.Arn}/*", "CuratedBucket: allows access without TLS");
    check("SSEAlgorithm: AES256", "BucketKeyEnabled: true", "LandingBucket: AWS::S3::Bucket is not encrypted");
    check(
        "SqsManagedSseEnabled: true",
        "SqsManagedSseEnabled: false",
        "DeadLetterQueue: AWS::SQS::Queue is not encrypted",
    );
    check("KmsMasterKeyId: !Ref TopicKey", "DisplayName: notices", "Topic: AWS::SNS::Topic is not encrypted");
    check("Type: AWS::SNS::Subscription", "Type: AWS::DynamoDB::Table", "AWS::DynamoDB::Table is not encrypted");
    check("IgnorePublicAcls: true", "IgnorePublicAcls: false", "LandingBucket: can become public");
    check("RetentionInDays: !Ref LogRetentionDays", "LogGroupClass: STANDARD", "Logs: logs have no retention");
    check("LogGroup: !Ref LoaderLogs", "LogFormat: JSON", "Loader: logs have no retention");
    check(
        "LogGroupArn: !GetAtt StateMachineLogs.Arn",
        "LogGroupArn: !GetAtt Others.Arn",
        "StateMachine: logs have no retention",
    );
}

#[test]
fn security_exceptions_are_needed_and_explained() {
    let template = read(TEMPLATE);
    for (sid, actions, reason) in ANY_RESOURCE {
        assert!(reason.len() > 20 && template.contains(&format!("Sid: {sid}")), "{sid}");
        for action in actions {
            assert!(template.contains(action), "{sid}: {action} is not needed");
        }
    }
}
