package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadInputTest {
    @TempDir
    private Path directory;

    @Test
    void aMissingFile() {
        assertRefused(Invocation.of("demo", directory.resolve("none").toString()), "There is no file");
    }

    @Test
    void aDirectory() {
        assertRefused(Invocation.of("demo", directory.toString()), "is a directory");
    }

    @Test
    void anUnreadableFile() throws Exception {
        Path file = Files.writeString(directory.resolve("secret"), "text");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("-wx------"));
        assumeFalse(Files.isReadable(file), "this user reads every file");
        assertRefused(Invocation.of("demo", file.toString()), "is not readable");
    }

    @Test
    void aFileThatFailsToRead() {
        Path unreadable = Path.of("/proc/self/mem");
        assumeTrue(Files.exists(unreadable), "only Linux has such a file");
        assertRefused(Invocation.of("demo", unreadable.toString()), "cannot be read");
    }

    @Test
    void anEmptyFile() throws Exception {
        assertRefused(demoOf(new byte[0]), "holds no text");
    }

    @Test
    void aBlankFile() throws Exception {
        assertRefused(demoOf(" \n\t".getBytes(StandardCharsets.UTF_8)), "holds no text");
    }

    @Test
    void zeroBytes() throws Exception {
        assertRefused(demoOf("text\0text".getBytes(StandardCharsets.UTF_8)), "is binary");
    }

    @Test
    void anotherEncoding() throws Exception {
        assertRefused(demoOf("Stra\u00dfe ist lang".getBytes(StandardCharsets.ISO_8859_1)), "its byte 4");
    }

    @Test
    void aFileThatEndsWithinACharacter() throws Exception {
        assertRefused(demoOf(new byte[] {'a', (byte) 0xc3}), "its byte 1");
    }

    @Test
    void anEmptyStandardInput() {
        assertRefused(Invocation.of(InputStream.nullInputStream(), "demo", "-"), "standard input holds no text");
    }

    @Test
    void aBinaryStandardInput() {
        assertRefused(Invocation.of(new ByteArrayInputStream(new byte[100]), "demo", "-"), "standard input is binary");
    }

    @Test
    void anUnknownOption() {
        assertRefused(Invocation.of("demo", "--colour"), "'--colour'");
    }

    @Test
    void aFileTooMany() {
        assertRefused(Invocation.of("demo", "a", "b"), "'b'");
    }

    @Test
    void noCommandListsThem() {
        Invocation lmcache = Invocation.of();
        assertThat(lmcache.status()).isEqualTo(2);
        assertThat(lmcache.err())
                .startsWith("lmcache: no command is named")
                .contains("serve", "doctor")
                .doesNotContain("demo-process");
        assertThat(Invocation.of("cache").err()).contains("no command is named", "verify");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "serv | There is no command 'serv'; did you mean 'serve'?; see 'lmcache --help'",
                "cache stta | There is no command 'stta'; did you mean 'stat'?; see 'lmcache cache --help'",
                "config --explian | Unknown option: '--explian'; did you mean '--explain'?; see 'lmcache config --help'",
                "sing | There is no command 'sing'",
                "config --set chunk_size | --set takes NAME=VALUE, such as --set chunk_size=512, not 'chunk_size'",
                "config --set =5 | --set takes NAME=VALUE",
                "config --config /no/such/file | The configuration file /no/such/file does not exist",
                "completion fish | BASH, ZSH",
            })
    void aMistypedOneIsAnsweredWithTheNearest(String line, String sentence) {
        assertRefused(Invocation.of(line.split(" ")), sentence);
    }

    private Invocation demoOf(byte[] content) throws Exception {
        return Invocation.of(
                "demo", Files.write(directory.resolve("file"), content).toString());
    }

    private static void assertRefused(Invocation invocation, String cause) {
        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err()).contains(cause).doesNotContain("Exception");
        assertThat(invocation.err().lines()).hasSize(1);
        assertThat(invocation.out()).isEmpty();
    }
}
