package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.option.Option;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigLoader;
import io.lmcache.core.config.OptionTable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The documents say what the code does. */
class DocumentsTest {
    private static final Pattern LINK = Pattern.compile("]\\(([^)#:]+)(?:#[^)]*)?\\)");

    private static final String TABLE_HEAD =
            "| setting, environment variable | for | default | values | what it does |\n|---|---|---|---|---|\n";
    private static final Pattern TABLE = Pattern.compile("\\| setting, environment variable .*?\n(\\|.*\n)+");

    @TempDir
    private Path directory;

    @Test
    void javaInDocumentsIsCompiledCode() throws IOException {
        List<String> quoted = new ArrayList<>();
        for (Path document : Documents.all()) {
            for (String block : Documents.blocks(document, "java")) {
                quoted.add(block.replaceFirst("^(import .*\n)+\n", ""));
            }
        }
        assertThat(quoted)
                .as("the blocks of Java in the documents, and the snippets in the test sources")
                .containsExactlyInAnyOrderElementsOf(Documents.snippets());
    }

    @Test
    void javaInTheReadmeShowsTheImportsThatItNeeds() throws IOException {
        List<String> imports = Files.readAllLines(Documents.embeddingExamples()).stream()
                .filter(line -> line.startsWith("import "))
                .toList();
        for (String block : Documents.blocks(Documents.readme(), "java")) {
            String code = block.replaceAll("(?m)^import .*$", "");
            assertThat(block.lines().filter(line -> line.startsWith("import ")))
                    .as(block)
                    .containsExactlyElementsOf(imports.stream()
                            .filter(line -> code.matches("(?s).*\\b" + simpleName(line) + "\\b.*"))
                            .toList());
        }
    }

    private static String simpleName(String imported) {
        return imported.substring(imported.lastIndexOf('.') + 1, imported.length() - 1);
    }

    @Test
    void yamlInDocumentsIsAConfigurationWithoutWarnings() throws IOException {
        int checked = 0;
        for (Path document : Documents.all()) {
            for (String yaml : Documents.blocks(document, "yaml")) {
                Path file = Files.writeString(directory.resolve("lmcache.yaml"), yaml);
                assertThat(ConfigLoader.load(Map.of("LMCACHE_CONFIG_FILE", file.toString()), Map.of())
                                .warnings())
                        .as("%s:%n%s", document, yaml)
                        .isEmpty();
                checked++;
            }
        }
        assertThat(checked).isPositive();
    }

    @Test
    void theSettingsTableListsEveryOption() throws IOException {
        OptionTable options = new OptionTable(BackendRegistry.discover());
        String table = options.all().stream()
                .map(option -> row(option, options.users(option)))
                .collect(Collectors.joining("\n", TABLE_HEAD, "\n"));
        if (Boolean.getBoolean("lmcache.documents.write")) {
            String text = Files.readString(Documents.readme());
            Files.writeString(Documents.readme(), TABLE.matcher(text).replaceFirst(Matcher.quoteReplacement(table)));
        }
        assertThat(Files.readString(Documents.readme()))
                .as("the table of settings; -Dlmcache.documents.write=true writes it")
                .contains("\n\n" + table + "\n");
    }

    private static String row(Option<?> option, List<String> users) {
        String aliases = option.aliases().isEmpty()
                ? ""
                : option.aliases().stream().collect(Collectors.joining("`, `", " Also called `", "`."));
        return "| `%s`<br>`%s` | %s | %s | %s | %s%s |"
                .formatted(
                        option.name(),
                        OptionTable.environmentVariable(option),
                        String.join(", ", users),
                        option.defaultText().isEmpty() ? "none" : "`" + option.defaultText() + "`",
                        option.type().equals("choice") ? option.allowed() : option.type(),
                        option.documentation(),
                        aliases);
    }

    @Test
    void theReadmeNamesTheVersionOfThisBuild() throws IOException {
        assertThat(Documents.blocks(Documents.readme(), "xml"))
                .isNotEmpty()
                .allSatisfy(xml -> assertThat(xml).contains("<version>" + version() + "</version>"));
    }

    private static String version() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = DocumentsTest.class.getResourceAsStream("/io/lmcache/cli/version.properties")) {
            assertThat(in).isNotNull();
            properties.load(in);
        }
        return properties.getProperty("version");
    }

    @Test
    void linksBetweenDocumentsLeadSomewhere() throws IOException {
        for (Path document : Documents.all()) {
            List<String> targets = LINK.matcher(Files.readString(document))
                    .results()
                    .map(link -> link.group(1))
                    .toList();
            assertThat(targets)
                    .as("links of %s", document)
                    .allSatisfy(target ->
                            assertThat(document.resolveSibling(target)).exists());
        }
    }
}
