//! What a client asks for.

use arrow_flight::FlightDescriptor;
use arrow_schema::Schema;
use serde::Deserialize;
use swath_model::quoted;
use tonic::Status;

use crate::services::results::Bounds;

/// What a ticket asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) job: u64,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    columns: Option<Vec<String>>,
    #[serde(default)]
    first: Option<i64>,
    #[serde(default)]
    last: Option<i64>,
    #[serde(default)]
    pub(super) partial: bool,
}

impl Wanted {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the ticket is not text".to_owned())?;
        if let Ok(job) = text.trim().parse() {
            return Ok(Self { job, ..Self::default() });
        }
        let wanted: Self = serde_json::from_str(text).map_err(|error| {
            format!("the ticket is neither the id of a job nor like {{\"job\": 3, \"columns\": [\"n\", \"value\"], \"first\": 100, \"last\": 200}}: {error}")
        })?;
        if wanted.column.is_some() && wanted.columns.is_some() {
            return Err("the ticket has both `column` and `columns`: give one of them".to_owned());
        }
        Ok(wanted)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: self.first, last: self.last }
    }

    /// The columns it asks for, as positions in the schema.
    pub(super) fn columns(&self, schema: &Schema) -> Result<Vec<usize>, String> {
        let names = match (&self.column, &self.columns) {
            (Some(name), _) => std::slice::from_ref(name),
            (None, Some(names)) => names,
            (None, None) => return Ok((0..schema.fields().len()).collect()),
        };
        if names.is_empty() {
            return Err("the ticket asks for no columns; leave `columns` out to get all".to_owned());
        }
        let mut positions = Vec::new();
        for name in names {
            let position = schema.index_of(name).map_err(|_| {
                let columns = quoted(schema.fields().iter().map(|field| field.name().as_str()));
                format!("there is no column `{name}`; the columns are {columns}")
            })?;
            if positions.contains(&position) {
                return Err(format!("the ticket asks for the column `{name}` twice"));
            }
            positions.push(position);
        }
        Ok(positions)
    }
}

pub(super) fn from_descriptor(descriptor: &FlightDescriptor) -> Result<Wanted, Status> {
    let text = match descriptor.path.as_slice() {
        [] => descriptor.cmd.as_ref(),
        [id] => id.as_bytes(),
        _ => return Err(Status::invalid_argument("the path of a flight has one element: the id of a job")),
    };
    Wanted::parse(text).map_err(Status::invalid_argument)
}
