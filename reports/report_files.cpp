#include "reports/report_files.h"

#include <exception>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "reports/fields.h"
#include "reports/figures.h"
#include "reports/html_page.h"
#include "reports/plots.h"
#include "reports/report.h"
#include "reports/table_files.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kTableList[] = "tables.json";

using nlohmann::json;
using report::Document;
using report::Table;

/// The tables of a document by the name of their files; those of one name are numbered.
std::vector<std::pair<std::string, const Table*>> named_tables(const Document& document) {
  std::map<std::string, int> times;
  std::vector<std::pair<std::string, const Table*>> named;
  for (const Table* table : document.tables()) {
    const int count = ++times[table->name()];
    named.emplace_back(count == 1 ? table->name() : table->name() + "_" + std::to_string(count),
                       table);
  }
  return named;
}

/// All records in one table.
Table joined_records(const Document& document) {
  Table all("records", {}, 0);
  for (const Document::Block& block : document.blocks()) {
    const auto* records = std::get_if<report::Records>(&block);
    if (records == nullptr) continue;
    for (const auto& record : records->records) {
      if (all.header().empty()) all = Table("records", record.table.header(), record.table.left());
      for (const Table::Row& row : record.table.rows()) all.add(row);
    }
  }
  return all;
}

/// Removes the tables of the last report that this one does not have. Files of others may lie
/// beside them.
void remove_former_tables(const fs::path& folder, const std::set<std::string>& written) {
  const json former = json::parse(content_of(folder / kTableList).value_or(""), nullptr,
                                  /*allow_exceptions=*/false);
  for (const json& file : report::items(former, "files")) {
    const std::string name = report::text(file);
    const size_t dot = name.find('.');
    const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == dot &&
                       dot != 0 && (name.ends_with(".csv") || name.ends_with(".tex")) &&
                       dot + 4 == name.size();
    std::error_code ignored;  // a table too many spoils nothing
    if (plain && !written.contains(name)) fs::remove(folder / name, ignored);
  }
}

/// Every file of a document's tables, by name.
std::map<std::string, std::string> table_texts(const Document& document) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, table] : named_tables(document)) {
    texts[name + ".csv"] = report::to_csv(*table);
    texts[name + ".tex"] = report::to_tex(*table);
  }
  const Table records = joined_records(document);
  if (!records.empty()) texts["records.csv"] = report::to_csv(records);
  return texts;
}

void write_tables(const Document& document, const fs::path& folder, const WriteText& write) {
  fs::create_directories(folder);
  std::set<std::string> written;
  for (const auto& [name, text] : table_texts(document)) {
    write(folder / name, text);
    written.insert(name);
  }
  remove_former_tables(folder, written);
  write(folder / kTableList, json{{"files", written}}.dump() + "\n");
}

}  // namespace

std::map<std::string, std::string> render_tables(const json& results) {
  return table_texts(document_of(results));
}

std::string write_report(const json& results, const fs::path& folder, const fs::path& out,
                         const WriteText& write) {
  fs::create_directories(out);
  const Document document = document_of(results);
  write_tables(document, out / "tables", write);
  std::vector<FigureSpec> figures = figures_of(results);
  std::string note;
  try {
    note = draw_figures(figures, folder, out, write);
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception& error) {
    note = std::string("no pictures: ") + error.what();
  }
  std::erase_if(figures, [&](const FigureSpec& figure) {
    return !fs::exists(out / "figures" / (figure.id + (figure.animated ? ".gif" : ".png")));
  });
  const std::string why = note.empty() ? "" : "\n" + report::escape_markdown(note) + "\n";
  write(out / "report.md", report::to_markdown(document, figures) + why);
  const std::string name = report::text(report::field(results, "name"));
  write(out / "report.html",
        report::to_html(document, name.empty() ? "Results without a name" : name, figures, out,
                        note));
  return note;
}

}  // namespace oar
