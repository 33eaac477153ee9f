//! Rows of short texts, aligned for a terminal or as an HTML table: first column left, figures right.

use super::svg::escape;

/// A table; every row has as many cells as `head`.
#[derive(Debug, Default)]
pub struct Table {
    /// The columns' names; may all be empty, then no head is shown.
    pub head: Vec<String>,
    /// The rows from above.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Table {
        Table { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let row: Vec<String> = cells.into_iter().map(Into::into).collect();
        debug_assert_eq!(row.len(), self.head.len());
        self.rows.push(row);
    }

    /// Takes out a column that says nothing.
    pub fn drop_column(&mut self, at: usize) {
        self.head.remove(at);
        for row in &mut self.rows {
            row.remove(at);
        }
    }

    /// Lines of text, columns two blanks apart, indented by two.
    pub fn plain(&self) -> String {
        let wide = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(wide).collect();
        let mut out = String::new();
        for row in self.with_head() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                line += &if column == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") };
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }

    /// An HTML table.
    pub fn html(&self) -> String {
        let cells = |row: &[String], tag: &str| -> String {
            row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
        };
        let mut out = String::from("<div class=\"wide\"><table>");
        if self.has_head() {
            out += &format!("<thead><tr>{}</tr></thead>", cells(&self.head, "th"));
        }
        out += "<tbody>";
        for row in &self.rows {
            out += &format!("<tr>{}</tr>", cells(row, "td"));
        }
        out + "</tbody></table></div>\n"
    }

    fn has_head(&self) -> bool {
        self.head.iter().any(|name| !name.is_empty())
    }

    fn with_head(&self) -> impl Iterator<Item = &Vec<String>> {
        self.has_head().then_some(&self.head).into_iter().chain(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::new(["", "p50", "p99"]);
        table.row(["call", "12.3 µs", "4.56 ms"]);
        table.row(["unregister", "–", "1 s"]);
        let expected =
            ["                  p50      p99", "  call        12.3 µs  4.56 ms", "  unregister        –      1 s"];
        assert_eq!(table.plain().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn html_escapes_its_cells() {
        let mut table = Table::new(["", ""]);
        table.row(["a<b>", "&"]);
        assert!(table.html().contains("<td>a&lt;b&gt;</td><td>&amp;</td>"));
        assert!(!table.html().contains("thead"));
    }
}
