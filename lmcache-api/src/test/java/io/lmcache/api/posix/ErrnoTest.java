package io.lmcache.api.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ErrnoTest {
    private static final int EIO = 5;
    private static final int ENOTDIR = 20;
    private static final int SECONDS = 60;

    @TempDir
    private Path folder;

    @Test
    void wordsOfTheCLibraryAreThoseOfJavasExceptions() throws IOException {
        assertThat(NativeText.ofError(ENOTDIR)).contains(reasonOfJava(folder));
    }

    /** What Java says where a file stands in place of a directory. */
    private static String reasonOfJava(Path folder) throws IOException {
        Path below = Files.createTempFile(folder, "file", "").resolve("below");
        return catchThrowableOfType(FileSystemException.class, () -> Files.delete(below))
                .getReason();
    }

    @ParameterizedTest
    @EnumSource
    void isKnownByTheWordsOfThisProcessAndByNoOthers(Errno errno) {
        int number = switch (errno) {
            case ENOENT -> 2;
            case EACCES -> 13;
            case EEXIST -> 17;
            case ENOTDIR -> 20;
            case EISDIR -> 21;
            case EINVAL -> 22;
            case ENOSPC -> 28;
            case EROFS -> 30;
            case ENOLCK -> 37;
            case ENOSYS -> 38;
            case ENOTEMPTY -> 39;
            case ELOOP -> 40;
            case EOPNOTSUPP -> 95;
            case ESTALE -> 116;
            case EDQUOT -> 122;
        };
        String words = NativeText.ofError(number).orElseThrow();
        assertThat(errno.isCauseOf(new IOException(words))).isTrue();
        assertThat(errno.isCauseOf(new FileSystemException("file", null, words)))
                .isTrue();
        assertThat(errno.isCauseOf(new FileSystemException(words, null, null))).isFalse();
        assertThat(errno.isCauseOf(new IOException((String) null))).isFalse();
        assertThat(errno.isCauseOf(new PosixException("open", "file", number))).isTrue();
        assertThat(errno.isCauseOf(new PosixException("open", words, EIO))).isFalse();
        assertThat(errno.isCauseOf(new IOException(NativeText.ofError(EIO).orElseThrow())))
                .isFalse();
    }

    @Test
    void errorsAreKnownInAProcessThatSpeaksGerman() throws Exception {
        assumeTrue(
                hasMadeGermanLocale(),
                "localedef, the definitions of de_DE or the C library's German are missing here");
        Process child = process(
                "LC_ALL",
                "de_DE.UTF-8",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dstdout.encoding=UTF-8",
                "-cp",
                System.getProperty("java.class.path"),
                Speaker.class.getName(),
                folder.toString());
        List<String> said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assumeTrue(!said.getFirst().equals("Not a directory"), "the C library has no German here");
        assertThat(said).hasSize(2).allMatch(said.getFirst()::equals);
    }

    /** Prints what Java calls an error, then what the C library does. */
    static final class Speaker {
        public static void main(String[] arguments) throws IOException {
            System.out.println(reasonOfJava(Path.of(arguments[0])));
            System.out.println(NativeText.ofError(ENOTDIR).orElseThrow());
        }
    }

    private boolean hasMadeGermanLocale() throws Exception {
        try {
            Process maker = process("LC_ALL", "C", "localedef", "-i", "de_DE", "-f", "UTF-8", folder + "/de_DE.UTF-8");
            maker.getInputStream().readAllBytes();
            return maker.waitFor(SECONDS, TimeUnit.SECONDS) && maker.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private Process process(String variable, String value, String... command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(Map.of("LOCPATH", folder.toString(), variable, value));
        return builder.start();
    }
}
