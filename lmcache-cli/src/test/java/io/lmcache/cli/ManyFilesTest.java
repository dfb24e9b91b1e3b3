package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.format.FileFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands for directories on many files, in processes of their own with a small heap. With {@code
 * -Dlmcache.test.files=1000000} it measures what docs/tools.md says, in the directory that {@code java.io.tmpdir} names.
 */
@Tag("slow")
class ManyFilesTest {
    private static final int FILES = Integer.getInteger("lmcache.test.files", 2_000);
    private static final String HEAP = "-Xmx256m";
    private static final KvLayout LAYOUT = KvLayout.mla(KvDtype.UINT8, 1, 16);
    private static final ChunkMeta META = new ChunkMeta(LAYOUT, 1);
    private static final int MODELS = 3;

    @TempDir
    private Path root;

    /** A command that has ended. */
    private record Run(int status, String lastLine, double seconds, String peak) {}

    @Test
    void everyCommandCopesWithALargeDirectory() throws Exception {
        ChunkFileFormat format = FileFormat.NATIVE.create(true, true);
        for (int i = 0; i < FILES; i++) {
            write(format, i);
        }
        System.out.printf("%d chunk files, heap %s%n", FILES, HEAP);
        assertThat(run("ls", "--paths").status()).isZero();
        assertThat(run("du").status()).isZero();
        assertThat(run("stat").lastLine()).contains("0 alive, 0 dead");
        assertThat(run("verify").lastLine()).contains(FILES + " chunks sound, 0 damaged");
        long half = (long) FILES * ChunkFileFormat.fileBytes(META) / 2 / 1024;
        assertThat(run("gc", "--dry-run", "--max-size", half + "KiB").status()).isZero();
        assertThat(run("repair", "--dry-run").status()).isZero();
        assertThat(run("export", root.resolve("all.tar").toString()).status()).isZero();
        Files.delete(root.resolve("all.tar"));
        assertThat(run("gc", "--yes", "--max-size", half + "KiB").status()).isZero();
        assertThat(run("clear", "--yes", "--model", "model-0").status()).isZero();
        assertThat(run("clear", "--yes").status()).isZero();
        assertThat(run("verify").lastLine()).contains(" 0 chunks sound, 0 damaged");
    }

    private void write(ChunkFileFormat format, int number) throws IOException {
        KeyScope scope = KeyScope.of("model-" + number % MODELS, LAYOUT);
        ChunkKey key = new ChunkKey(scope, ChunkHash.of(hash(number)));
        byte[] payload = new byte[Math.toIntExact(META.byteSize())];
        CRC32C crc = new CRC32C();
        crc.update(payload);
        String path = ((ChunkName.Below) format.name(key)).path();
        Path file = root.resolve(path);
        Files.createDirectories(root.resolve(path.substring(0, path.lastIndexOf('/'))));
        byte[] header = format.header(key, META, (int) crc.getValue());
        Files.write(
                file,
                ByteBuffer.allocate(header.length + payload.length)
                        .put(header)
                        .put(payload)
                        .array());
    }

    /** Spread over the directories as hashes are. */
    private static byte[] hash(int number) {
        long mixed = number * 0x9E37_79B9_7F4A_7C15L;
        return ByteBuffer.allocate(32)
                .putLong(mixed ^ (mixed >>> 29))
                .putLong(number)
                .array();
    }

    private Run run(String command, String... options) throws Exception {
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                HEAP,
                "--enable-native-access=ALL-UNNAMED",
                "-classpath",
                System.getProperty("java.class.path"),
                MeasuredMain.class.getName(),
                "cache",
                command,
                root.toString()));
        line.addAll(List.of(options));
        Path out = Files.createTempFile("lmcache-many", ".out");
        Path err = Files.createTempFile("lmcache-many", ".err");
        try {
            long start = System.nanoTime();
            Process process = new ProcessBuilder(line)
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            assertThat(process.waitFor(30, TimeUnit.MINUTES)).isTrue();
            double seconds = (System.nanoTime() - start) / 1e9;
            Run run = new Run(process.exitValue(), lastLine(out), seconds, peak(err));
            System.out.printf(
                    Locale.ROOT,
                    "%-8s %-40s %6.1f s  heap peak %s MiB%n",
                    command,
                    String.join(" ", options),
                    run.seconds(),
                    run.peak());
            return run;
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    private static String lastLine(Path file) throws IOException {
        try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
            return lines.reduce("", (_, line) -> line);
        }
    }

    private static String peak(Path err) throws IOException {
        return Files.readAllLines(err).stream()
                .filter(line -> line.startsWith(MeasuredMain.PEAK))
                .map(line -> line.substring(MeasuredMain.PEAK.length()))
                .findFirst()
                .orElseThrow(() -> new AssertionError(err + " has no peak"));
    }
}
