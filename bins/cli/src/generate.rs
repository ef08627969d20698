//! What a binary tells of itself to shells and to `man`.

use std::path::{Path, PathBuf};

use clap::{Command, Subcommand};
use clap_complete::Shell;

use crate::{Exit, Failure, Printer};

/// Subcommands that every windlass binary has for those who package it; `--help` leaves them out.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[non_exhaustive]
pub enum Generate {
    /// Write the completions for a shell to stdout.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man page to stdout, or a page for each subcommand too to a folder.
    #[command(hide = true)]
    Man {
        /// The folder; it is made if there is none.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Generate {
    /// Writes what is asked for of this command line.
    ///
    /// # Errors
    /// When stdout or the folder cannot be written.
    pub fn run(&self, mut command: Command, printer: &Printer) -> Result<Exit, Failure> {
        match self {
            Self::Completions { shell } => {
                let name = command.get_name().to_owned();
                let mut text = Vec::new();
                clap_complete::generate(*shell, &mut command, name, &mut text);
                print(&text, printer)?;
            }
            Self::Man { dir: None } => {
                let mut text = Vec::new();
                clap_mangen::Man::new(command)
                    .render(&mut text)
                    .map_err(|error| {
                        Failure::unreachable("cannot write the man page").caused_by(&error)
                    })?;
                print(&text, printer)?;
            }
            Self::Man { dir: Some(dir) } => pages(command, dir)?,
        }
        Ok(Exit::Done)
    }
}

fn print(text: &[u8], printer: &Printer) -> Result<(), Failure> {
    printer.line(String::from_utf8_lossy(text).trim_end())
}

fn pages(command: Command, dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(command, dir))
        .map_err(|error| {
            Failure::usage(format!("cannot write man pages to `{}`", dir.display()))
                .caused_by(&error)
                .hint("give --dir a folder that you may write")
        })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    /// A tool.
    #[derive(Debug, Parser)]
    #[command(name = "tool")]
    struct Args {
        #[command(subcommand)]
        command: Tool,
    }

    #[derive(Debug, Subcommand)]
    enum Tool {
        /// Pushes something.
        Push {
            /// Where to.
            #[arg(long)]
            repository: String,
        },
        #[command(flatten)]
        Generate(Generate),
    }

    #[test]
    fn both_are_parsed_and_hidden() {
        let args = Args::parse_from(["tool", "completions", "zsh"]);
        assert!(
            matches!(args.command, Tool::Generate(Generate::Completions { shell }) if shell == Shell::Zsh)
        );
        let help = Args::command().render_help().to_string();
        assert!(
            help.contains("push") && !help.contains("completions"),
            "{help}"
        );
    }

    #[test]
    fn a_folder_gets_a_page_for_each_shown_subcommand() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man/man1");
        pages(Args::command(), &dir).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["tool-push.1", "tool.1"]);
        let page = std::fs::read_to_string(dir.join("tool-push.1")).unwrap();
        assert!(page.contains("Pushes something"), "{page}");
    }
}
