//! Formats of results with columns of every Arrow type, read by other people's programs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; the lints know test functions only")]

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use swath_client::output::{FileFormat, write_rows};
use swath_tests::Scene;

fn rows(scene: &Scene, file: &str) -> Vec<RecordBatch> {
    let reader = FileReader::try_new(File::open(scene.path(file)).unwrap(), None).unwrap();
    reader.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_type_is_written_right_in_every_format() {
    let scene = Scene::new("every_type");
    let folder = scene.path("");
    let made = scene.python("formats.py", ["make".as_ref(), folder.as_os_str()]);
    let (rich, flat) = (rows(&scene, "rich.arrow"), rows(&scene, "flat.arrow"));
    assert!(made["columns"].as_u64().unwrap() > 50 && rich.len() > 1, "{made}");
    for format in ["csv", "tsv", "jsonl", "arrows"] {
        for compression in ["", ".gz", ".zst"] {
            let format: FileFormat = format!("{format}{compression}").parse().unwrap();
            write_rows(scene.path(format!("rich.{format}")), format, &rich).unwrap();
        }
    }
    write_rows(scene.path("flat.npy"), "npy".parse().unwrap(), &flat).unwrap();
    let found = scene.python("formats.py", ["check".as_ref(), folder.as_os_str()]);
    assert_eq!(found["wrong"], serde_json::json!([]));
    assert!(found["compared"].as_u64().unwrap() > 15_000, "{found}");
}

#[test]
fn what_a_format_cannot_hold_is_refused_in_a_sentence() {
    let scene = Scene::new("what_a_format_cannot_hold");
    let folder = scene.path("");
    scene.python("formats.py", ["make".as_ref(), folder.as_os_str()]);
    let rich = rows(&scene, "rich.arrow");
    let column = |name: &str| {
        let position = rich[0].schema().index_of(name).unwrap();
        [rich[0].project(&[position]).unwrap()]
    };
    for (name, sentence) in [
        ("text", "NumPy has no Utf8 values"),
        ("int64", "a .npy file cannot show which values of the column `int64` are null"),
    ] {
        let error = write_rows(scene.path("x.npy"), "npy".parse().unwrap(), &column(name)).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    }
    assert!(!scene.path("x.npy").exists());
    // A line that is empty is no row for most readers.
    write_rows(scene.path("x.csv"), "csv".parse().unwrap(), &column("nothing")).unwrap();
    let lines = std::fs::read_to_string(scene.path("x.csv")).unwrap();
    assert_eq!(lines, format!("nothing\n{}", "\"\"\n".repeat(rich[0].num_rows())));
}
