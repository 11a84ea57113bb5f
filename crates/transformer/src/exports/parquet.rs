//! Parquet exports: the columns have the types of the query, row groups have a bounded size, pages are compressed with
//! Snappy.

use std::collections::HashSet;
use std::mem;
use std::pin::pin;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use futures_util::TryStreamExt;
use object_store::Upload;
use postgres::Client;
use tokio_postgres::types::{FromSql, Type as PostgresType};

use super::error::ExportError;
use super::parquet_column::{ParquetColumn, parquet_column};
use crate::limits::{ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX, VALUE_OVERHEAD_BYTES};

/// Writes the result of a query and returns the number of rows.
pub(super) async fn send(client: &Client, query: &str, upload: &mut Upload<'_>) -> Result<u64, ExportError> {
    let statement = client.prepare_once(query).await?;
    let mut file = ParquetFile::new(&statement)?;
    let mut stream = pin!(client.query_raw(&statement).await?);
    let mut rows = 0;
    while let Some(row) = stream.try_next().await? {
        rows += 1;
        file.push(&row)?;
        if file.is_group_full() {
            upload.write(&file.write_group()?).await?;
        }
    }
    upload.write(&file.finish()?).await?;
    Ok(rows)
}

struct ParquetFile {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<ParquetColumn>,
    group_rows: usize,
    group_bytes: usize,
}

impl ParquetFile {
    fn new(statement: &tokio_postgres::Statement) -> Result<Self, ExportError> {
        let columns: Vec<_> = statement.columns().iter().map(parquet_column).collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        if let Some(duplicate) = columns.iter().find(|column| !names.insert(column.schema.name())) {
            return Err(ExportError::Unsupported(format!("two columns have the name {}", duplicate.schema.name())));
        }
        let fields = columns.iter().map(|column| Arc::clone(&column.schema)).collect();
        let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("penstock".to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, columns, group_rows: 0, group_bytes: 0 })
    }

    fn push(&mut self, row: &tokio_postgres::Row) -> Result<(), ExportError> {
        self.group_rows += 1;
        for (number, column) in self.columns.iter_mut().enumerate() {
            let value = row.try_get::<_, Option<RawValue<'_>>>(number)?.map(|RawValue(bytes)| bytes);
            self.group_bytes += value.map_or(0, <[u8]>::len) + VALUE_OVERHEAD_BYTES;
            column.push(value)?;
        }
        Ok(())
    }

    fn is_group_full(&self) -> bool {
        self.group_rows >= ROW_GROUP_ROWS_MAX || self.group_bytes >= ROW_GROUP_BYTES_MAX
    }

    /// Ends the row group and returns its bytes.
    fn write_group(&mut self) -> Result<Vec<u8>, ExportError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            if let Some(writer) = group.next_column()? {
                column.write(writer)?;
            }
        }
        group.close()?;
        (self.group_rows, self.group_bytes) = (0, 0);
        self.written()
    }

    /// Ends the file and returns its last bytes.
    fn finish(&mut self) -> Result<Vec<u8>, ExportError> {
        let mut rest = if self.group_rows > 0 { self.write_group()? } else { Vec::new() };
        self.writer.finish()?;
        rest.append(&mut self.written()?);
        Ok(rest)
    }

    fn written(&mut self) -> Result<Vec<u8>, ExportError> {
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(mem::take(self.writer.inner_mut()))
    }
}

/// A value of any type in PostgreSQL's binary format.
struct RawValue<'a>(&'a [u8]);

impl<'a> FromSql<'a> for RawValue<'a> {
    fn from_sql(_: &PostgresType, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &PostgresType) -> bool {
        true
    }
}
