//! The schema of the files, and how each column is stored. Every engine that was tried reads these
//! types: a UUID or an unsigned integer is refused by Spark, a JSON column by some functions of
//! Polars, so both are texts or signed.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, GzipLevel, LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use crate::promoted::{ColumnKind, Promoted};

/// The schema and the settings of all files.
#[derive(Debug, Clone)]
pub(crate) struct FileForm {
    pub(crate) schema: TypePtr,
    pub(crate) properties: WriterPropertiesPtr,
}

impl FileForm {
    /// Returns the form of files with columns for these properties.
    pub(crate) fn new(promoted: &[Promoted]) -> Result<Self, ParquetError> {
        let mut fields = parse_message_type(RECORD)?.get_fields().to_vec();
        for column in promoted {
            fields.push(Arc::new(promoted_type(column)?));
        }
        fields.extend_from_slice(parse_message_type(ORIGIN)?.get_fields());
        let schema = Type::group_type_builder("localtel")
            .with_fields(fields)
            .build()?;
        Ok(Self {
            schema: Arc::new(schema),
            properties: Arc::new(writer_properties()?),
        })
    }
}

fn promoted_type(column: &Promoted) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Integer => (Physical::INT64, None),
        ColumnKind::Number => (Physical::DOUBLE, None),
        ColumnKind::Boolean => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(&column.key, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()
}

fn writer_properties() -> Result<WriterProperties, ParquetError> {
    let by_time = SortingColumn {
        column_idx: 0,
        descending: false,
        nulls_first: false,
    };
    let mut builder = WriterProperties::builder()
        .set_created_by(format!(
            "localtel-fleet version {}",
            env!("CARGO_PKG_VERSION")
        ))
        .set_compression(Compression::GZIP(GzipLevel::try_new(GZIP_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(vec![by_time]));
    for name in ["timestamp", "seq", "offset"] {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    // Nobody asks for the least of these texts, and a dictionary of them is given up soon.
    let spans = ["spans", "list", "element", "properties"].map(str::to_owned);
    for path in [
        ColumnPath::from("properties"),
        ColumnPath::new(spans.to_vec()),
    ] {
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    Ok(builder
        .set_column_statistics_enabled(ColumnPath::from("message"), EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("timestamp"), EnabledStatistics::Page)
        .build())
}

/// The columns of a record, before the promoted ones.
const RECORD: &str = "
message localtel {
    required int64 timestamp (TIMESTAMP(MICROS,true));
    required binary level (STRING);
    required binary source (STRING);
    required binary target (STRING);
    optional binary event (STRING);
    optional binary message (STRING);
    required binary session (STRING);
    optional int64 seq;
    optional binary properties (STRING);
    optional group spans (LIST) {
        repeated group list {
            required group element {
                required binary name (STRING);
                optional binary properties (STRING);
            }
        }
    }
    optional binary once (STRING);
}";

/// The columns that lead back to the bytes, after the promoted ones.
const ORIGIN: &str = "
message localtel {
    required binary host_name (STRING);
    required binary application (STRING);
    required binary profile (STRING);
    required binary log (STRING);
    optional int32 segment;
    required int64 offset;
}";

/// A level of gzip.
const GZIP_LEVEL: u32 = 3;
