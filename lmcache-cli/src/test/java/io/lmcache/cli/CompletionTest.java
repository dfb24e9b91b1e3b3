package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompletionTest {
    @TempDir
    private Path directory;

    @Test
    void bashCompletesCommandsAndOptions() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "there is no bash");
        assertThat(completed("lmcache", "se")).containsExactly("serve");
        assertThat(completed("lmcache", "config", "--ex")).contains("--explain");
        assertThat(completed("lmcache", "cache", "ver")).containsExactly("verify");
    }

    @Test
    void whatIsHiddenIsNotOffered() {
        assertThat(Invocation.of("completion", "zsh").out()).isNotEmpty().doesNotContain("demo-process");
    }

    /** What bash offers for the last of these words. */
    private String[] completed(String... words) throws Exception {
        Path script = Files.writeString(
                directory.resolve("script"), Invocation.of("completion", "bash").out());
        Process bash = new ProcessBuilder(
                        "/bin/bash",
                        "--norc",
                        "-c",
                        "source '" + script + "'; COMP_WORDS=(" + String.join(" ", words) + "); COMP_CWORD="
                                + (words.length - 1) + "; _complete_lmcache; printf '%s\\n' \"${COMPREPLY[@]}\"")
                .redirectErrorStream(true)
                .start();
        try {
            byte[] output = bash.getInputStream().readAllBytes();
            assertThat(bash.waitFor(60, TimeUnit.SECONDS)).isTrue();
            return new String(output, StandardCharsets.UTF_8).split("\\s+");
        } finally {
            bash.destroyForcibly();
        }
    }
}
