package io.lmcache.cli.report;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

/** Writes reports as HTML that asks for nothing from elsewhere: script, style and numbers are in it. Stateless. */
public final class PageWriter {
    private static final String UPLOT = "/META-INF/resources/webjars/uplot/";
    private static final String UPLOT_VERSION = "/META-INF/maven/org.webjars.npm/uplot/pom.properties";

    private PageWriter() {}

    /** Writes the page into that file, in place of what is there. */
    public static void write(Page page, Path file) throws IOException {
        Files.writeString(file, html(page));
    }

    static String html(Page page) throws IOException {
        String uplot = UPLOT + uplotVersion() + "/";
        return fill(
                text("report.html"),
                Map.ofEntries(
                        Map.entry("title", escaped(page.title())),
                        Map.entry("facts", lines("p", "fact", page.facts())),
                        Map.entry("figures", figures(page.charts())),
                        Map.entry(
                                "tables",
                                page.tables().stream().map(PageWriter::table).collect(Collectors.joining())),
                        Map.entry("notes", lines("p", "note", page.notes())),
                        // A comment ends at two hyphens.
                        Map.entry("licence", text(uplot + "LICENSE").replace("--", "- -")),
                        Map.entry("uplot.css", text(uplot + "dist/uPlot.min.css")),
                        Map.entry("report.css", text("report.css")),
                        Map.entry("uplot.js", text(uplot + "dist/uPlot.iife.min.js")),
                        Map.entry("report.js", text("report.js")),
                        Map.entry("data", data(page.charts()))));
    }

    private static String data(List<Chart> charts) throws IOException {
        // A text in it must not end the script.
        return new ObjectMapper().writeValueAsString(charts).replace("<", "\\u003c");
    }

    /** Puts each value where its name is, in double braces; a value is never looked through. */
    private static String fill(String template, Map<String, String> values) {
        StringBuilder filled = new StringBuilder();
        int at = 0;
        int open = template.indexOf("{{");
        while (open >= 0) {
            int close = template.indexOf("}}", open);
            String name = template.substring(open + 2, close);
            String value = values.get(name);
            if (value == null) {
                throw new IllegalStateException("The template of reports asks for '" + name + "'");
            }
            filled.append(template, at, open).append(value);
            at = close + 2;
            open = template.indexOf("{{", at);
        }
        return filled.append(template, at, template.length()).toString();
    }

    private static String figures(List<Chart> charts) {
        return charts.stream()
                .map(chart -> "<figure><figcaption><h2>" + escaped(chart.title()) + "</h2><p>" + escaped(chart.note())
                        + "</p></figcaption><div class=\"chart\"></div></figure>\n")
                .collect(Collectors.joining());
    }

    private static String table(Table table) {
        return "<h2>" + escaped(table.title()) + "</h2>\n<div class=\"scroll\"><table><thead>"
                + row("th", table.columns())
                + "</thead><tbody>"
                + table.rows().stream().map(cells -> row("td", cells)).collect(Collectors.joining())
                + "</tbody></table></div>\n";
    }

    private static String row(String element, List<String> cells) {
        return "<tr>" + lines(element, "", cells) + "</tr>\n";
    }

    private static String lines(String element, String style, List<String> texts) {
        String open = style.isEmpty() ? "<" + element + ">" : "<" + element + " class=\"" + style + "\">";
        return texts.stream()
                .map(text -> open + escaped(text) + "</" + element + ">")
                .collect(Collectors.joining());
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private static String uplotVersion() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = open(UPLOT_VERSION)) {
            properties.load(in);
        }
        return properties.getProperty("version");
    }

    private static String text(String resource) throws IOException {
        try (InputStream in = open(resource)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static InputStream open(String resource) throws IOException {
        InputStream in = PageWriter.class.getResourceAsStream(resource);
        if (in == null) {
            throw new IOException("'" + resource
                    + "' is not on the class path; the jar org.webjars.npm:uplot has to be there for a report");
        }
        return in;
    }
}
