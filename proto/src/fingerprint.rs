//! The fingerprint of a job, which both sides compute.

use ring::digest::{Context, SHA256};
use swath_model::{Fingerprint, JobSpec, Runtime};

use crate::{codec, v1};

/// Begins what is digested, so that another layout is another fingerprint.
const LAYOUT: &[u8] = b"swath job 2\0";

/// The fingerprint of a job: what it computes, in 16 bytes.
///
/// It is the first 16 bytes of the SHA-256 of these bytes, one after the other, integers little-endian:
///
/// | bytes | what |
/// | --- | --- |
/// | 12 | `swath job 2` and a zero byte |
/// | 8 + n | the name of the kernel: its length in bytes (u64), then UTF-8 |
/// | 8 | how many parameters (u64) |
/// | 8 + n, 8 + n | each parameter, in the order of the bytes of the names: its name, then its value, each as above |
/// | 8 | the first number (i64) |
/// | 8 | the last number (i64) |
/// | 8 | numbers in a chunk, as chosen, never 0 (u64) |
/// | 8 + n, 8 + n | the condition and the list of reductions, each as above; empty if there is none |
/// | 4 | the number of the shape in `Shape` (i32) |
/// | 8 + n | the text of the columns, as above |
/// | 4, 32, 8 + n | only with a program: its `Runtime` (i32), its SHA-256, and its export, as above (or empty) |
///
/// The result mode, the limits and the time for which the job is kept are not in it: they do not change the results.
pub fn fingerprint(job: &JobSpec) -> Fingerprint {
    let mut digest = Context::new(&SHA256);
    let text = |digest: &mut Context, text: &str| {
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    };
    digest.update(LAYOUT);
    text(&mut digest, &job.kernel);
    // A map in the order of the bytes of its keys.
    digest.update(&(job.parameters.len() as u64).to_le_bytes());
    for (name, value) in &job.parameters {
        text(&mut digest, name);
        text(&mut digest, value);
    }
    digest.update(&job.range().first().to_le_bytes());
    digest.update(&job.range().last().to_le_bytes());
    digest.update(&job.chunk_size.to_le_bytes());
    text(&mut digest, job.condition.as_deref().unwrap_or_default());
    text(&mut digest, job.reductions.as_deref().unwrap_or_default());
    digest.update(&i32::from(codec::shape_to_proto(job.layout.shape())).to_le_bytes());
    text(&mut digest, &job.layout.columns_text());
    if let Some(program) = &job.program {
        let runtime = match program.runtime {
            Runtime::Wasm => v1::Runtime::Wasm,
        };
        digest.update(&i32::from(runtime).to_le_bytes());
        digest.update(&program.artifact.id.0);
        text(&mut digest, program.export.as_deref().unwrap_or_default());
    }
    let mut fingerprint = [0; Fingerprint::BYTES];
    fingerprint.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Fingerprint(fingerprint)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swath_model::{Artifact, ArtifactId, Chunks, Layout, Limits, Program, Range, ResultMode, Shape, ValueType};

    use super::*;

    fn job() -> JobSpec {
        job_of(-5, 1_000_000, 5000)
    }

    fn job_of(first: i64, last: i64, chunk_size: u64) -> JobSpec {
        JobSpec {
            kernel: "square".to_owned(),
            program: None,
            parameters: [("type", "auto"), ("a", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            chunks: Chunks::new(Range::new(first, last).unwrap(), chunk_size).unwrap(),
            chunk_size,
            condition: None,
            reductions: None,
            kernel_layout: Layout::values(ValueType::Int64),
            layout: Layout::values(ValueType::Int64),
            result_mode: ResultMode::Stored,
            limits: Limits::default(),
            keep_for: None,
        }
    }

    fn program(byte: u8) -> Program {
        Program::wasm(Artifact { id: ArtifactId([byte; 32]), bytes: 1 })
    }

    /// Computed by another program, which read the table above:
    /// `hashlib.sha256(b"swath job 2\0" + text(b"square") + struct.pack("<Q", 2) + …).hexdigest()[:32]`.
    #[test]
    fn the_layout_is_the_documented_one() {
        assert_eq!(fingerprint(&job()).to_string(), "d2e3690e1410c468639ec92929658acf");
    }

    #[test]
    fn all_that_decides_results_and_their_layout_is_in_it_and_nothing_else() {
        let of = |change: fn(&mut JobSpec)| {
            let mut job = job();
            change(&mut job);
            fingerprint(&job)
        };
        let same = of(|_| {});
        let others = [
            of(|job| job.kernel = "collatz".to_owned()),
            of(|job| drop(job.parameters.insert("a".to_owned(), "c".to_owned()))),
            of(|job| drop(job.parameters.remove("a"))),
            // The same bytes, cut elsewhere.
            of(|job| {
                job.parameters = [("ab".to_owned(), String::new()), ("type".to_owned(), "auto".to_owned())].into();
            }),
            fingerprint(&job_of(-4, 1_000_000, 5000)),
            fingerprint(&job_of(-5, 1_000_001, 5000)),
            fingerprint(&job_of(-5, 1_000_000, 5001)),
            of(|job| job.condition = Some("n > 1".to_owned())),
            of(|job| job.reductions = Some("count".to_owned())),
            of(|job| job.program = Some(program(7))),
            of(|job| job.program = Some(program(8))),
            of(|job| job.program = Some(Program { export: Some("f".to_owned()), ..program(8) })),
            of(|job| job.layout = Layout::values(ValueType::Boolean)),
            of(|job| job.layout = Layout::values(ValueType::Int64).with_shape(Shape::Sparse)),
        ];
        assert!(others.iter().all(|other| *other != same));
        let distinct: std::collections::BTreeSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
        let keeps = of(|job| {
            job.result_mode = ResultMode::Delivered;
            job.limits = Limits { max_retries: 9, crash_limit: 9, keep_going: true };
            job.keep_for = Some(Duration::from_secs(9));
        });
        assert_eq!(keeps, same);
    }
}
