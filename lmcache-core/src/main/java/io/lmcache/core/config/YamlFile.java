package io.lmcache.core.config;

import io.lmcache.api.option.ByteSize;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * Reads the configuration file as a map whose scalars are the very texts that were written.
 *
 * <p>YAMLConfiguration of commons-configuration2 would read them by the types of YAML 1.1: the backend {@code on} as
 * true, the directory {@code 1e3} as 1000.0, the number 010 as 8.
 */
final class YamlFile {
    /** Far above any real file, far below what would hurt. */
    static final int MAX_BYTES = 1 << 20;

    private YamlFile() {}

    /** The file's settings; none when it is empty, or when a problem was found. */
    static Map<?, ?> read(Path file, Findings findings) {
        try {
            Object content = parser().load(text(file));
            if (content == null) {
                return Map.of();
            }
            if (content instanceof Map<?, ?> settings) {
                return settings;
            }
            findings.problem(problem(file, "holds no map of settings, allowed are lines such as 'chunk_size: 256'"));
        } catch (YAMLException e) {
            findings.problem(problem(file, "is not valid YAML" + where(e)));
        } catch (IOException e) {
            findings.problem(problem(file, reason(file, e)));
        }
        return Map.of();
    }

    private static String text(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new IOException("it is larger than " + new ByteSize(MAX_BYTES));
            }
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        }
    }

    private static Yaml parser() {
        LoaderOptions options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        return new Yaml(new TextConstructor(options));
    }

    private static String where(YAMLException e) {
        return e instanceof MarkedYAMLException marked && marked.getProblemMark() != null
                ? " in line " + (marked.getProblemMark().getLine() + 1) + ": " + marked.getProblem()
                : ": " + e.getMessage();
    }

    private static String reason(Path file, IOException e) {
        if (Files.isDirectory(file)) {
            return "is a directory";
        }
        return switch (e) {
            case NoSuchFileException missing -> "does not exist";
            case AccessDeniedException denied -> "may not be read by this user";
            case CharacterCodingException binary -> "is not UTF-8 text";
            default -> "cannot be read: " + e.getMessage();
        };
    }

    private static String problem(Path file, String reason) {
        return "The configuration file " + file + " " + reason + "; correct it, or let "
                + EnvironmentVariables.CONFIG_FILE + " (of a command, --config) name another or none";
    }

    /** Makes texts of all scalars but null, whatever type they look like or are tagged as. */
    private static final class TextConstructor extends SafeConstructor {
        TextConstructor(LoaderOptions options) {
            super(options);
            Stream.of(Tag.BOOL, Tag.INT, Tag.FLOAT, Tag.TIMESTAMP, Tag.BINARY)
                    .forEach(type -> yamlConstructors.put(type, new ConstructYamlStr()));
        }
    }
}
