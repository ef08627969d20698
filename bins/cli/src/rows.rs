//! Progress: a row per service in a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{Printer, text::printable};

/// Progress rows, one per name.
///
/// In a terminal each row is redrawn in place. Elsewhere each change of a row is a line of its own, and a text that
/// differs from the last one only in a counter (see [`Rows::tick`]) is left out, so that a CI log stays readable.
#[derive(Debug)]
pub struct Rows {
    printer: Printer,
    width: usize,
    screen: Option<MultiProgress>,
    rows: Mutex<BTreeMap<String, Row>>,
}

#[derive(Debug)]
struct Row {
    bar: Option<ProgressBar>,
    last: String,
}

impl Rows {
    /// Rows for the given names, in this order.
    pub fn new<'a>(printer: &Printer, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let width = names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0);
        let screen = printer.is_live().then(MultiProgress::new);
        let rows = names
            .iter()
            .map(|name| {
                let bar = screen.as_ref().map(|screen| {
                    let bar = screen.add(ProgressBar::new_spinner());
                    bar.set_style(style(printer.colour()));
                    bar.set_prefix(format!("{:width$}", printable(name)));
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                (
                    (*name).to_owned(),
                    Row {
                        bar,
                        last: String::new(),
                    },
                )
            })
            .collect();
        Self {
            printer: printer.clone(),
            width,
            screen,
            rows: Mutex::new(rows),
        }
    }

    /// Sets a row's text: a new fact, worth a line where rows cannot be redrawn.
    pub fn set(&self, name: &str, text: &str) {
        self.update(name, text, true);
    }

    /// Refreshes a row's text with what changes often: shown only where rows can be redrawn.
    pub fn tick(&self, name: &str, text: &str) {
        self.update(name, text, false);
    }

    /// Sets a row's last text and stops its spinner.
    pub fn finish(&self, name: &str, text: &str) {
        self.update(name, text, true);
        let rows = self.lock();
        if let Some(bar) = rows.get(name).and_then(|row| row.bar.as_ref()) {
            bar.finish_with_message(printable(text));
        }
    }

    /// Writes a line for people above the rows.
    pub fn note(&self, text: &str) {
        match &self.screen {
            // A terminal that went away changes nothing about the deployment.
            Some(screen) => drop(screen.println(printable(text))),
            None => self.printer.note(&printable(text)),
        }
    }

    /// Writes a warning above the rows, even for people who asked for quiet.
    pub fn warn(&self, text: &str) {
        match &self.screen {
            Some(screen) => drop(screen.println(format!("warning: {}", printable(text)))),
            None => self.printer.warn(text),
        }
    }

    /// Leaves the rows on the screen as they are and stops redrawing them.
    pub fn close(&self) {
        for row in self.lock().values() {
            if let Some(bar) = row.bar.as_ref().filter(|bar| !bar.is_finished()) {
                bar.abandon();
            }
        }
    }

    fn update(&self, name: &str, text: &str, fact: bool) {
        let text = printable(text);
        let mut rows = self.lock();
        let Some(row) = rows.get_mut(name) else {
            return;
        };
        match &row.bar {
            Some(bar) => bar.set_message(text),
            None if fact && row.last != text => {
                self.printer.note(&format!(
                    "{:width$}  {text}",
                    printable(name),
                    width = self.width
                ));
                row.last = text;
            }
            None => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(colour: bool) -> ProgressStyle {
    let template = if colour {
        "{spinner:.cyan} {prefix:.bold}  {wide_msg}"
    } else {
        "{spinner} {prefix}  {wide_msg}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", "·"])
}
