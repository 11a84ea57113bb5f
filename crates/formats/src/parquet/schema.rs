//! Maps the file's columns to the table's, and describes how nested columns are built.

use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::schema::types::{Type, TypePtr};
use pipeline::ColumnType;

use super::primitive_type::PrimitiveType;
use crate::column_mapping::ColumnMapping;
use crate::error::FileError;
use crate::error::quoted;
use crate::row_encoder::{ColumnEncoder, RowEncoder};

/// A column or a part of it. `leaf` is an index into [`Schema::leaves`].
#[derive(Debug)]
pub(super) enum SchemaNode {
    Primitive {
        kind: PrimitiveType,
        leaf: usize,
        /// Smallest definition level at which the value is not NULL.
        def: i16,
    },
    Struct {
        def: i16,
        fields: Vec<(String, SchemaNode)>,
    },
    List {
        def: i16,
        rep: i16,
        element: Box<SchemaNode>,
    },
    Map {
        def: i16,
        rep: i16,
        key: Box<SchemaNode>,
        value: Option<Box<SchemaNode>>,
    },
}

impl SchemaNode {
    /// The node's first leaf. Its levels are those of the node.
    pub(super) fn first_leaf(&self) -> usize {
        match self {
            Self::Primitive { leaf, .. } => *leaf,
            Self::Struct { fields, .. } => fields.first().map_or(0, |(_, node)| node.first_leaf()),
            Self::List { element, .. } => element.first_leaf(),
            Self::Map { key, .. } => key.first_leaf(),
        }
    }

    pub(super) fn def(&self) -> i16 {
        match self {
            Self::Primitive { def, .. } | Self::Struct { def, .. } | Self::List { def, .. } | Self::Map { def, .. } => {
                *def
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Primitive { kind, .. } => kind.name(),
            Self::Struct { .. } => "structure".to_owned(),
            Self::List { .. } => "list".to_owned(),
            Self::Map { .. } => "map".to_owned(),
        }
    }

    fn fits(&self, encoder: &ColumnEncoder<'_>) -> bool {
        match self {
            Self::Primitive { kind, .. } => kind.fits(encoder),
            _ => encoder.column.kind == ColumnType::Jsonb,
        }
    }

    pub(super) fn column_type(&self) -> ColumnType {
        match self {
            Self::Primitive { kind, .. } => kind.column_type(),
            _ => ColumnType::Jsonb,
        }
    }
}

/// The columns to read.
#[derive(Debug)]
pub(super) struct Schema {
    /// In the order of the table. `None` for an optional column that the file lacks.
    pub(super) columns: Vec<Option<SchemaNode>>,
    /// Name in the file and node.
    pub(super) rescued: Vec<(String, SchemaNode)>,
    /// Positions of the leaves in the file.
    pub(super) leaves: Vec<usize>,
}

pub(super) fn names(root: &Type) -> Vec<String> {
    root.get_fields().iter().map(|field| field.name().to_owned()).collect()
}

impl Schema {
    pub(super) fn of(encoder: &RowEncoder<'_>, root: &Type) -> Result<Self, FileError> {
        let fields = root.get_fields();
        let mapping = ColumnMapping::by_name(encoder, names(root))?;
        let mut building = SchemaBuilder::new(fields);
        let mut columns = Vec::with_capacity(encoder.columns.len());
        for position in mapping.positions {
            columns.push(position.map(|position| building.column(position)).transpose()?);
        }
        let mut rescued = Vec::with_capacity(mapping.rescued.len());
        for (position, name) in mapping.rescued {
            rescued.push((name, building.column(position)?));
        }
        check_types(&encoder.columns, &columns)?;
        Ok(Self { columns, rescued, leaves: building.leaves })
    }

    /// Returns the name and node of every column.
    pub(super) fn all_columns(root: &Type) -> Result<Vec<(String, SchemaNode)>, FileError> {
        let mut building = SchemaBuilder::new(root.get_fields());
        let column = |(position, name)| Ok((name, building.column(position)?));
        names(root).into_iter().enumerate().map(column).collect()
    }
}

fn check_types(declared: &[ColumnEncoder<'_>], found: &[Option<SchemaNode>]) -> Result<(), FileError> {
    let present = declared.iter().zip(found).filter_map(|(encoder, node)| Some((encoder, node.as_ref()?)));
    let differ = present.filter(|(encoder, node)| !node.fits(encoder));
    let differ: Vec<_> = differ.map(|(encoder, node)| (encoder.column, node)).collect();
    if differ.is_empty() {
        return Ok(());
    }
    let expected = differ.iter().map(|(column, _)| format!("{} {}", column.header, column.kind.sql())).collect();
    let found = differ.iter().map(|(column, node)| format!("{} {}", column.header, node.name())).collect();
    let reason = "the types of these columns do not match the dataset's types".to_owned();
    Err(FileError::HeaderMismatch { expected, found, reason })
}

struct SchemaBuilder<'a> {
    fields: &'a [TypePtr],
    /// Per field: the position of its first leaf in the file.
    first_leaves: Vec<usize>,
    leaves: Vec<usize>,
    /// The position of the next leaf in the file.
    at: usize,
}

type NodeResult = Result<SchemaNode, String>;

impl<'a> SchemaBuilder<'a> {
    fn new(fields: &'a [TypePtr]) -> Self {
        let mut count = 0;
        let first_leaves = fields
            .iter()
            .map(|field| {
                let first = count;
                count += leaf_count(field);
                first
            })
            .collect();
        Self { fields, first_leaves, leaves: Vec::new(), at: 0 }
    }

    fn column(&mut self, position: usize) -> Result<SchemaNode, FileError> {
        let field = &self.fields[position];
        self.at = self.first_leaves[position];
        self.node(field, 0, 0).map_err(|what| {
            let reason = format!("column {} is {what}, which is not supported", quoted(field.name()));
            FileError::Malformed { line: 1, reason }
        })
    }

    /// `def` and `rep` are the levels of the parent.
    fn node(&mut self, node: &Type, def: i16, rep: i16) -> NodeResult {
        match node.get_basic_info().repetition() {
            Repetition::REQUIRED => self.present(node, def, rep),
            Repetition::OPTIONAL => self.present(node, def + 1, rep),
            // A repeated field without a LIST annotation. It is empty instead of NULL.
            Repetition::REPEATED => {
                let element = Box::new(self.present(node, def + 1, rep + 1)?);
                Ok(SchemaNode::List { def, rep: rep + 1, element })
            }
        }
    }

    fn present(&mut self, node: &Type, def: i16, rep: i16) -> NodeResult {
        if node.is_primitive() {
            let kind = PrimitiveType::of(node)?;
            self.leaves.push(self.at);
            self.at += 1;
            return Ok(SchemaNode::Primitive { kind, leaf: self.leaves.len() - 1, def });
        }
        let info = node.get_basic_info();
        match (info.logical_type_ref(), info.converted_type(), node.get_fields()) {
            (Some(LogicalType::List), ..) | (None, ConvertedType::LIST, _) => self.list(node, def, rep),
            (Some(LogicalType::Map), ..) | (None, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE, _) => {
                self.map(node, def, rep)
            }
            (Some(LogicalType::Variant(_)), ..) => Err("a VARIANT".to_owned()),
            (_, _, []) => Err("a struct without fields".to_owned()),
            (_, _, fields) => self.structure(fields, def, rep),
        }
    }

    fn structure(&mut self, fields: &[TypePtr], def: i16, rep: i16) -> NodeResult {
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields {
            nodes.push((field.name().to_owned(), self.node(field, def, rep)?));
        }
        Ok(SchemaNode::Struct { def, fields: nodes })
    }

    /// Accepts all forms that writers use:
    /// <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists>.
    fn list(&mut self, node: &Type, def: i16, rep: i16) -> NodeResult {
        let [repeated] = node.get_fields() else { return Err("a list of unknown form".to_owned()) };
        if repeated.get_basic_info().repetition() != Repetition::REPEATED {
            return Err("a list of unknown form".to_owned());
        }
        let children = if repeated.is_primitive() { &[] } else { repeated.get_fields() };
        let is_element = repeated.name() == "array" || repeated.name() == format!("{}_tuple", node.name());
        let element = match children {
            [element] if !is_element => self.node(element, def + 1, rep + 1)?,
            _ => self.present(repeated, def + 1, rep + 1)?,
        };
        Ok(SchemaNode::List { def, rep: rep + 1, element: Box::new(element) })
    }

    fn map(&mut self, node: &Type, def: i16, rep: i16) -> NodeResult {
        let unknown = || "a map of unknown form".to_owned();
        let [repeated] = node.get_fields() else { return Err(unknown()) };
        if repeated.is_primitive() || repeated.get_basic_info().repetition() != Repetition::REPEATED {
            return Err(unknown());
        }
        let (key, value) = match repeated.get_fields() {
            [key] => (key, None),
            [key, value] => (key, Some(value)),
            _ => return Err(unknown()),
        };
        if !key.is_primitive() {
            return Err("a map with nested keys".to_owned());
        }
        let key = Box::new(self.node(key, def + 1, rep + 1)?);
        let value = value.map(|value| self.node(value, def + 1, rep + 1)).transpose()?.map(Box::new);
        Ok(SchemaNode::Map { def, rep: rep + 1, key, value })
    }
}

fn leaf_count(node: &Type) -> usize {
    if node.is_primitive() { 1 } else { node.get_fields().iter().map(|field| leaf_count(field)).sum() }
}
