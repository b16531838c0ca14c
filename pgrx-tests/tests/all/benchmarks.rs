//! The benchmarks work: each runs through with little data, checks its own work and leaves its files.

use std::fs;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bench");

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program should start");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

#[test]
fn every_benchmark_runs_through_and_leaves_its_files() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    let page = fs::read_to_string(page).expect("the page of results");
    let directory = std::env::temp_dir().join(format!("stockroom-bench-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("benchmarks.md"), &page).unwrap();

    let mut bench = Command::new(PROGRAM);
    for name in ["BENCH", "ROUNDS", "RUN_SECONDS"] {
        bench.env_remove(name);
    }
    bench.env("QUICK", "1").env("OUT", &directory);
    let told = output(&mut bench);

    let names = output(Command::new(PROGRAM).arg("--list"));
    assert!(names.lines().count() >= 21, "{names}");
    let filled = fs::read_to_string(directory.join("benchmarks.md")).unwrap();
    for name in names.lines() {
        let block = |page: &str| {
            let rest = page.split_once(&format!("<!-- {name} -->"))?.1;
            Some(rest.split_once(&format!("<!-- /{name} -->"))?.0.to_owned())
        };
        assert!(block(&page).is_some(), "the page has a place for {name}");
        let block = block(&filled).expect("its place is still there");
        assert!(block.contains("Rounds: 1."), "{name}: {block}");
        let file = |ending| fs::read_to_string(directory.join(format!("bench/{name}.{ending}")));
        let runs = file("csv").unwrap();
        let arms = block
            .lines()
            .filter(|line| line.starts_with("| Stockroom"))
            .count();
        assert!(runs.lines().count() > 1 && arms > 0, "{name}: {runs}");
        assert!(file("svg").unwrap().contains("class=\"ours\""), "{name}");
    }
    assert!(told.contains("==> Targets"), "{told}");
    fs::remove_dir_all(&directory).unwrap();
}
