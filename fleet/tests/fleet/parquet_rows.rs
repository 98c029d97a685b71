//! The rows of Parquet files, read with the reader of the crate, as JSON.

use std::fs::File;
use std::path::{Path, PathBuf};

use localtel::serde_json::{Map, Value};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use crate::made_tree::files_below;

/// Returns the Parquet files of a copy, in order.
pub(crate) fn parquet_files(out: &Path) -> Vec<PathBuf> {
    let files = files_below(out).into_iter();
    let is_parquet = |path: &PathBuf| path.extension().is_some_and(|end| end == "parquet");
    files.filter(is_parquet).collect()
}

/// Returns the reader of a file.
pub(crate) fn open(path: &Path) -> SerializedFileReader<File> {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap()
}

/// Returns all rows of a copy, each with its file.
pub(crate) fn rows(out: &Path) -> Vec<Value> {
    let mut rows = Vec::new();
    for file in parquet_files(out) {
        let reader = open(&out.join(&file));
        for row in reader.get_row_iter(None).unwrap() {
            let mut row = object(&row.unwrap());
            row.insert("file".to_owned(), file.to_str().unwrap().into());
            rows.push(Value::Object(row));
        }
    }
    rows
}

fn object(row: &Row) -> Map<String, Value> {
    let columns = row.get_column_iter();
    columns
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) | Field::TimestampMicros(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(text) => text.clone().into(),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => panic!("{other:?}"),
    }
}
