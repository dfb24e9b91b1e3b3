package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client that the documentation shows, run as it stands. */
class ProtocolExampleTest {
    private static final String PYTHON = System.getenv().getOrDefault("TEST_PYTHON", "python3");

    private static final Path DOCUMENT = Path.of("..", "docs", "protocol.md");
    private static final Path PROTO =
            Path.of("src", "main", "proto", "lmcache", "v1").toAbsolutePath();
    private static final Pattern EXAMPLE = Pattern.compile("(?ms)^```python\\n(.*?)^```$.*^```\\n(stored .*?)\\n```$");

    @TempDir
    private Path directory;

    @Test
    void printsWhatTheDocumentSays() throws Exception {
        assumeTrue(
                run(List.of(PYTHON, "-c", "import grpc, grpc_tools")) == 0,
                PYTHON + " has no packages grpcio and grpcio-tools; TEST_PYTHON can name one that has");
        Matcher example = EXAMPLE.matcher(Files.readString(DOCUMENT));
        assertThat(example.find())
                .as("%s has an example and its output", DOCUMENT)
                .isTrue();
        Files.writeString(directory.resolve("client.py"), example.group(1));
        assertThat(run(List.of(
                        PYTHON,
                        "-m",
                        "grpc_tools.protoc",
                        "-I" + PROTO,
                        "--python_out=.",
                        "--grpc_python_out=.",
                        "lmcache.proto")))
                .isZero();
        try (ServerProcess server = ServerProcess.start(directory, Map.of("LMCACHE_CHUNK_SIZE", "256"))) {
            assertThat(run(List.of(PYTHON, "client.py", server.socket().toString())))
                    .as("%s", Files.readString(directory.resolve("out")))
                    .isZero();
        }
        assertThat(Files.readString(directory.resolve("out")).strip()).isEqualTo(example.group(2));
    }

    private int run(List<String> command) throws IOException, InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectOutput(directory.resolve("out").toFile())
                    .redirectErrorStream(true)
                    .start();
            assertThat(process.waitFor(60, TimeUnit.SECONDS))
                    .as("%s ends", command)
                    .isTrue();
            return process.exitValue();
        } catch (IOException e) {
            // There is no such program.
            return -1;
        }
    }
}
