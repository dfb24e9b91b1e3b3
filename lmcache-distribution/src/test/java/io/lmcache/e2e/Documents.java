package io.lmcache.e2e;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The project's documents, and the code that they quote. Stateless and thread-safe. */
final class Documents {
    /** The top folder; tests run in that of their module. */
    static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

    private static final Path TEST_SOURCES = Path.of("src", "test", "java");
    private static final Pattern SNIPPET = Pattern.compile("(?ms)^ *// snippet: \\S+\\n(.*?)^ *// end$");

    private Documents() {}

    static Path readme() {
        return PROJECT.resolve("README.md");
    }

    /** The source of the README's Java. */
    static Path embeddingExamples() {
        return TEST_SOURCES.resolve("io/lmcache/e2e/EmbeddingExamples.java");
    }

    /** The README, what is beside it, and everything in docs. */
    static List<Path> all() throws IOException {
        List<Path> documents =
                new ArrayList<>(List.of(readme(), PROJECT.resolve("CONTRIBUTING.md"), PROJECT.resolve("CHANGELOG.md")));
        try (Stream<Path> docs = Files.list(PROJECT.resolve("docs"))) {
            docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(documents::add);
        }
        return documents;
    }

    /** The fenced blocks of that language in a document. */
    static List<String> blocks(Path document, String language) throws IOException {
        return matches(Pattern.compile("(?ms)^```" + language + "\\n(.*?)^```$"), document);
    }

    /** The marked regions of the test sources, each without its indentation. */
    static List<String> snippets() throws IOException {
        List<String> snippets = new ArrayList<>();
        for (String folder : List.of("com/example", "io/lmcache/e2e")) {
            try (Stream<Path> files = Files.walk(TEST_SOURCES.resolve(folder))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    matches(SNIPPET, file)
                            .forEach(region ->
                                    snippets.add(region.stripTrailing().stripIndent() + "\n"));
                }
            }
        }
        return snippets;
    }

    private static List<String> matches(Pattern pattern, Path file) throws IOException {
        return pattern.matcher(Files.readString(file))
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }
}
