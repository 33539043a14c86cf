//! Reads versions from go.mod and from the output of `go version -m`.

use super::Module;

/// Returns the version without `v` that a go.mod requires of `module`.
pub(super) fn required(gomod: &str, module: &str) -> Option<String> {
    gomod.lines().find_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("require ").unwrap_or(line);
        let mut words = line.split_whitespace();
        let version = (words.next()? == module).then(|| words.next())??;
        version.strip_prefix('v').map(str::to_owned)
    })
}

/// Parses the output of `go version -m`: the modules in a binary. A replacement module is listed under its
/// own name.
pub(super) fn modules(output: &str) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for line in output.lines() {
        let words: Vec<_> = line.trim().split('\t').collect();
        match words[..] {
            [kind @ ("dep" | "=>"), path, version, ref sum @ ..] => {
                if kind == "=>" {
                    modules.pop();
                }
                // Sources of ours in place of a module.
                if path.starts_with("./") {
                    continue;
                }
                let sum = sum.first().copied().unwrap_or_default().to_owned();
                modules.push(Module { path: path.to_owned(), version: version.to_owned(), sum });
            }
            [only] => {
                // The first line is "<file>: go1.26.8".
                if let Some((_, version)) = only.rsplit_once(": go") {
                    modules.push(Module {
                        path: "std".into(),
                        version: version.split(' ').next().unwrap_or(version).to_owned(),
                        sum: String::new(),
                    });
                }
            }
            _ => {}
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_required_versions() {
        let text = "module m\n\nrequire a.b/c v1.2.3\n\nrequire (\n\tx.y/z/v2 v2.0.1 // indirect\n)\n";
        assert_eq!(required(text, "a.b/c").as_deref(), Some("1.2.3"));
        assert_eq!(required(text, "x.y/z/v2").as_deref(), Some("2.0.1"));
        assert_eq!(required(text, "x.y/z"), None);
    }

    #[test]
    fn reads_the_modules_of_a_binary() {
        let output = "bin/x: go1.26.8 X:foo\n\tpath\ta/b\n\tmod\tironhull.dev/component/x\t(devel)\t\n\tdep\ta.b/c\tv1.0.0\th1:x=\n\
                      \tdep\tk8s.io/api\tv0.0.0\n\t=>\tk8s.io/api\tv0.36.3\th1:y=\n\tdep\td.e/f\tv1.0.0\n\
                      \t=>\t./cmd/f\t(devel)\t\n\tbuild\t-trimpath=true\n";
        let found: Vec<_> =
            modules(output).into_iter().map(|m| format!("{} {} {}", m.path, m.version, m.sum)).collect();
        assert_eq!(found, ["std 1.26.8 ", "a.b/c v1.0.0 h1:x=", "k8s.io/api v0.36.3 h1:y="]);
    }
}
