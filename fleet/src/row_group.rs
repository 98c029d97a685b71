//! Writes rows as a row group of a Parquet file, sorted by time. A column is copied in the order of
//! the row group when it is written, so that only one column is in memory twice.

use std::io::Write;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use crate::rows::{PromotedColumn, Rows, SpanColumns, TextColumn};
use crate::tree::FleetLog;

/// Writes the rows as the next row group. `host` is the name of the host, and `logs` are its logs.
pub(crate) fn write_row_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    mut rows: Rows,
    host: &str,
    logs: &[FleetLog],
) -> Result<(), ParquetError> {
    let order = order_by_time(&rows.times);
    let mut columns = GroupColumns {
        group: file.next_row_group()?,
        order,
    };
    columns.required::<Int64Type>(&rows.times)?;
    let texts = &mut rows.texts;
    columns.required_texts(&mut texts.level)?;
    columns.required_texts(&mut texts.source)?;
    columns.required_texts(&mut texts.target)?;
    columns.optional_texts(&mut texts.event)?;
    columns.optional_texts(&mut texts.message)?;
    columns.required_texts(&mut texts.session)?;
    columns.optional::<Int64Type>(&rows.seqs)?;
    columns.optional_texts(&mut texts.properties)?;
    columns.spans(&mut rows.spans)?;
    columns.optional_texts(&mut rows.texts.once)?;
    for column in &mut rows.promoted {
        match column {
            PromotedColumn::Text(texts) => columns.optional_texts(texts)?,
            PromotedColumn::Integer(values) => columns.optional::<Int64Type>(values)?,
            PromotedColumn::Number(values) => columns.optional::<DoubleType>(values)?,
            PromotedColumn::Boolean(values) => columns.optional::<BoolType>(values)?,
        }
    }
    let host = ByteArray::from(host);
    columns.required::<ByteArrayType>(&vec![host; rows.times.len()])?;
    let of_log: [fn(&FleetLog) -> &str; 3] =
        [|log| &log.application, |log| &log.profile, |log| &log.log];
    for text_of in of_log {
        let texts: Vec<ByteArray> = logs.iter().map(|log| text_of(log).into()).collect();
        let texts: Vec<ByteArray> = rows
            .logs
            .iter()
            .map(|log| texts.get(*log).cloned().unwrap_or_else(|| "".into()))
            .collect();
        columns.required::<ByteArrayType>(&texts)?;
    }
    columns.optional::<Int32Type>(&rows.segments)?;
    columns.required::<Int64Type>(&rows.offsets)?;
    columns.group.close()?;
    Ok(())
}

/// Returns the places of the rows in the order of their times; those of one time stay as they are.
fn order_by_time(times: &[i64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    if !times.is_sorted() {
        order.sort_by_key(|row| times.get(*row).copied());
    }
    order
}

/// The columns of a row group that are not written yet.
struct GroupColumns<'a, W: Write> {
    group: SerializedRowGroupWriter<'a, W>,
    /// The places of the rows in the order in which they are written.
    order: Vec<usize>,
}

impl<W: Write + Send> GroupColumns<'_, W> {
    /// Writes the next column.
    fn write<T: DataType>(
        &mut self,
        values: &[T::T],
        levels: Option<&[i16]>,
        repetitions: Option<&[i16]>,
    ) -> Result<(), ParquetError> {
        let Some(mut column) = self.group.next_column()? else {
            return Err(ParquetError::General(
                "there are no more columns".to_owned(),
            ));
        };
        column
            .typed::<T>()
            .write_batch(values, levels, repetitions)?;
        column.close()
    }

    fn required<T: DataType>(&mut self, values: &[T::T]) -> Result<(), ParquetError> {
        let rows = self
            .order
            .iter()
            .filter_map(|row| values.get(*row).cloned());
        let values: Vec<T::T> = rows.collect();
        self.write::<T>(&values, None, None)
    }

    fn optional<T: DataType>(&mut self, values: &[Option<T::T>]) -> Result<(), ParquetError> {
        let rows = || self.order.iter().filter_map(|row| values.get(*row));
        let levels: Vec<i16> = rows().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = rows().flatten().cloned().collect();
        self.write::<T>(&values, Some(&levels), None)
    }

    fn required_texts(&mut self, texts: &mut TextColumn) -> Result<(), ParquetError> {
        let found = FoundTexts::take(texts);
        let rows = self.order.iter().filter_map(|row| found.text(*row));
        let values: Vec<ByteArray> = rows.collect();
        self.write::<ByteArrayType>(&values, None, None)
    }

    fn optional_texts(&mut self, texts: &mut TextColumn) -> Result<(), ParquetError> {
        let found = FoundTexts::take(texts);
        let rows: Vec<Option<ByteArray>> = self.order.iter().map(|row| found.text(*row)).collect();
        let levels: Vec<i16> = rows.iter().map(|text| i16::from(text.is_some())).collect();
        let values: Vec<ByteArray> = rows.into_iter().flatten().collect();
        self.write::<ByteArrayType>(&values, Some(&levels), None)
    }

    /// Writes the two columns of the spans.
    fn spans(&mut self, spans: &mut SpanColumns) -> Result<(), ParquetError> {
        let mut starts = Vec::with_capacity(spans.counts.len());
        let mut start = 0;
        for count in &spans.counts {
            starts.push(start..start + count);
            start += count;
        }
        for (texts, level) in [(&mut spans.names, 1), (&mut spans.properties, 2)] {
            let found = FoundTexts::take(texts);
            let (mut levels, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
            for range in self
                .order
                .iter()
                .filter_map(|row| starts.get(*row).cloned())
            {
                if range.is_empty() {
                    levels.push(NO_LIST);
                    repetitions.push(0);
                }
                for span in range.clone() {
                    let text = found.text(span);
                    levels.push(level + i16::from(text.is_some()));
                    repetitions.push(i16::from(span > range.start));
                    values.extend(text);
                }
            }
            self.write::<ByteArrayType>(&values, Some(&levels), Some(&repetitions))?;
        }
        Ok(())
    }
}

/// The definition level of a row without spans.
const NO_LIST: i16 = 0;

/// The texts of a column, as slices of one buffer.
struct FoundTexts {
    bytes: ByteArray,
    ends: Vec<(usize, bool)>,
}

impl FoundTexts {
    fn take(texts: &mut TextColumn) -> Self {
        Self {
            bytes: std::mem::take(&mut texts.bytes).into(),
            ends: std::mem::take(&mut texts.ends),
        }
    }

    fn text(&self, place: usize) -> Option<ByteArray> {
        let (end, is_there) = *self.ends.get(place)?;
        let before = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(end, _)| *end);
        is_there.then(|| self.bytes.slice(start, end - start))
    }
}
