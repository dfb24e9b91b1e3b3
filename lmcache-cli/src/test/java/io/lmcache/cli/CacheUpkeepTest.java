package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lmcache cache ls}, {@code stat}, {@code gc}, {@code repair} and {@code clear}, in use or not. */
class CacheUpkeepTest {
    private static final int[] PROMPT = StoredPrompt.tokens(80);
    private static final int CHUNKS = 5;
    private static final String DEAD_WRITER = "12345-00000000000000aa-00000000000000bb";

    @TempDir
    private Path directory;

    private Path root() {
        return directory.resolve("cache");
    }

    private LmcacheStack open(String format) {
        return Lmcache.open(LmcacheConfig.of(Map.of(
                "local_cpu", false, "gds_path", root(), "file_format", format, "chunk_size", 16, "hash_seed", 0)));
    }

    private void store(String format) {
        try (LmcacheStack stack = open(format)) {
            StoredPrompt.store(stack, PROMPT);
        }
    }

    private Invocation cache(String command, String... options) {
        String[] fixed = {"cache", command, root().toString()};
        return Invocation.of(Stream.concat(Stream.of(fixed), Stream.of(options)).toArray(String[]::new));
    }

    private JsonNode json(String command, String... options) throws IOException {
        Invocation run = cache(
                command, Stream.concat(Stream.of("--json"), Stream.of(options)).toArray(String[]::new));
        assertThat(run.status()).as(run.err()).isZero();
        return new ObjectMapper().readTree(run.out());
    }

    private List<Path> chunks() throws IOException {
        return files().stream()
                .filter(file -> file.toString().endsWith(".safetensors"))
                .filter(file -> !root().relativize(file).startsWith(".lmcache"))
                .toList();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(root())) {
            return files.filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
                    .sorted()
                    .toList();
        }
    }

    private static void age(Path file, Duration age) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(age)));
    }

    private static void flipPayload(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[4500] ^= 1;
        Files.write(file, bytes);
    }

    /** Puts into the directory what does not belong there; the answer is all of it. */
    private List<Path> strangers() throws IOException {
        Path outside = Files.createDirectories(directory.resolve("outside/aa"));
        Path foreign = Files.writeString(outside.resolve(chunks().getFirst().getFileName()), "not ours");
        Path linkedDirectory = Files.createSymbolicLink(root().resolve("zz"), directory.resolve("outside"));
        Path beside = chunks().getFirst();
        Path linkedFile = Files.createSymbolicLink(
                beside.resolveSibling("a".repeat(64) + "-" + "b".repeat(32) + ".safetensors"), foreign);
        Path notes = Files.writeString(root().resolve("notes.txt"), "mine");
        Path temporary = Files.writeString(beside.resolveSibling("mine.tmp"), "mine");
        Path lostAndFound = Files.createDirectory(root().resolve("lost+found"));
        Path fifo = beside.resolveSibling("c".repeat(64) + "-" + "d".repeat(32) + ".safetensors");
        makeFifo(fifo);
        return List.of(foreign, linkedDirectory, linkedFile, notes, temporary, lostAndFound, fifo);
    }

    private static void makeFifo(Path path) throws IOException {
        try {
            assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor())
                    .isZero();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void lsNamesEveryChunkWithItsTokens(String format) throws IOException {
        store(format);
        JsonNode chunks = json("ls");
        assertThat(chunks).hasSize(CHUNKS);
        for (JsonNode chunk : chunks) {
            assertThat(chunk.get("model").asText()).isEqualTo("model");
            assertThat(chunk.get("tokens").asInt()).isEqualTo(16);
            assertThat(chunk.get("format").asText()).isEqualTo(format);
            assertThat(root().resolve(chunk.get("path").asText())).isRegularFile();
        }
        String hash = chunks.get(0).get("hash").asText();
        assertThat(json("ls", "--prefix", hash)).hasSize(1);
        assertThat(json("ls", "--model", "another")).isEmpty();
        assertThat(json("ls", "--unused-for", "1h")).isEmpty();
        assertThat(cache("ls", "--paths").out().lines().map(root()::resolve))
                .containsExactlyInAnyOrderElementsOf(chunks());
        assertThat(cache("ls").out()).hasLineCount(1 + CHUNKS).contains(hash.substring(0, 16));
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void statTellsModelsAgesFormatsAndWriters(String format) throws IOException {
        try (LmcacheStack stack = open(format)) {
            StoredPrompt.store(stack, PROMPT);
            age(chunks().getFirst(), Duration.ofDays(3));
            JsonNode stat = json("stat");
            assertThat(stat.at("/models/model/files").asInt()).isEqualTo(CHUNKS);
            assertThat(stat.at("/ages").get("under 7 days").get("files").asInt())
                    .isEqualTo(1);
            assertThat(stat.get("formats").get(format).get("files").asInt()).isEqualTo(CHUNKS);
            assertThat(stat.get("writers").asInt()).isEqualTo(1);
            assertThat(stat.get("deadWriters").asInt()).isZero();
        }
        assertThat(cache("stat").out()).contains("under 7 days", format, "Writers  0 alive, 0 dead");
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void diskUseAndBudgetCountTheSame(String format) throws IOException {
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.of(Map.of(
                "local_cpu",
                false,
                "gds_path",
                root(),
                "file_format",
                format,
                "chunk_size",
                16,
                "hash_seed",
                0,
                "max_gds_size",
                "1 GiB")))) {
            StoredPrompt.store(stack, PROMPT);
            Path damaged = chunks().getFirst();
            Files.move(damaged, root().resolve(".lmcache/quarantine/1700000000000-" + damaged.getFileName()));
            JsonNode stat = json("stat");
            assertThat(stat.at("/account/measured").asBoolean()).isTrue();
            assertThat(stat.at("/account/stored").asLong())
                    .isEqualTo(stat.at("/total/bytes").asLong())
                    .isPositive();
        }
    }

    @ParameterizedTest
    @CsvSource({"native,gc", "native,repair", "lmcache_0_3_2,gc", "lmcache_0_5,repair"})
    void whatTheDeadLeftGoesAndNothingElse(String format, String command) throws IOException {
        store(format);
        List<Path> sound = files();
        Path beside = chunks().getFirst();
        Path temporary = Files.writeString(beside.resolveSibling("." + DEAD_WRITER + ".1.tmp"), "half a chunk");
        Path lock = Files.writeString(root().resolve(".lmcache/writers/" + DEAD_WRITER + ".lock"), "");
        Path empty = Files.createDirectories(root().resolve("yy/yy"));
        Path orphan = Files.writeString(beside.resolveSibling("gone.kvcache.safetensors.metadata"), "of nothing");
        age(orphan, Duration.ofHours(1));
        age(empty, Duration.ofHours(1));
        List<Path> strangers = strangers();

        Invocation dry = cache(command, "--dry-run", "--list");
        assertThat(dry.status()).as(dry.err()).isZero();
        assertThat(dry.out())
                .contains("would be removed", root().relativize(temporary).toString());
        assertThat(temporary).exists();

        Invocation run = cache(command, "--yes");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(List.of(temporary, lock, empty, orphan))
                .allSatisfy(file -> assertThat(file).doesNotExist());
        assertThat(files()).containsAll(sound);
        assertThat(strangers).allMatch(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS));
        assertThat(run.err()).contains("'zz'", "'notes.txt'", "'lost+found'", "/mine.tmp'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void gcRemovesWhatExpiredAndWhatIsTooMuchOldestFirst(String format) throws IOException {
        store(format);
        List<Path> chunks = chunks();
        for (int i = 0; i < CHUNKS; i++) {
            age(chunks.get(i), Duration.ofHours(10L - i));
        }
        assertThat(json("gc", "--ttl", "9h", "--yes")
                        .at("/reasons/expired/files")
                        .asInt())
                .isEqualTo(2);
        assertThat(chunks()).containsExactlyElementsOf(chunks.subList(2, CHUNKS));
        long bytes = json("du").at("/total/bytes").asLong();
        // A twentieth less than the limit stays: one of the three goes.
        String limit = bytes / 1024 - 1 + "KiB";
        JsonNode removed = json("gc", "--max-size", limit, "--yes");
        assertThat(removed.at("/reasons/least_recently_used/files").asInt()).isEqualTo(1);
        assertThat(chunks()).containsExactlyElementsOf(chunks.subList(3, CHUNKS));
        assertThat(files().stream().filter(file -> file.toString().endsWith(".metadata")))
                .hasSize(format.equals("native") ? 0 : 2);
    }

    @Test
    void gcTakesTheQuarantineBeforeAnyChunk() throws IOException {
        store("native");
        Path damaged = chunks().getFirst();
        Path quarantined =
                root().resolve(".lmcache/quarantine/" + Instant.now().toEpochMilli() + "-" + damaged.getFileName());
        Files.move(damaged, quarantined);
        assertThat(json("gc", "--yes").at("/total/files").asInt()).isZero();
        JsonNode removed =
                json("gc", "--max-size", json("du").at("/total/bytes").asLong() / 1024 - 1 + "KiB", "--yes");
        assertThat(removed.at("/reasons/quarantined/files").asInt()).isEqualTo(1);
        assertThat(removed.at("/total/files").asInt()).isEqualTo(1);
        assertThat(quarantined).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({"native,false", "native,true", "lmcache_0_3_2,false", "lmcache_0_5,true"})
    void repairTakesTheDamagedAway(String format, boolean remove) throws IOException {
        store(format);
        List<Path> chunks = chunks();
        flipPayload(chunks.get(1));
        Files.write(chunks.get(3), new byte[10]);
        String[] options = remove ? new String[] {"--yes", "--remove"} : new String[] {"--yes"};
        Invocation repair = cache("repair", options);
        assertThat(repair.status()).as(repair.err()).isZero();
        assertThat(repair.err()).contains("damaged: '" + root().relativize(chunks.get(1)), "has only 10 bytes");
        assertThat(chunks()).containsExactly(chunks.get(0), chunks.get(2), chunks.get(4));
        try (Stream<Path> quarantine = Files.list(root().resolve(".lmcache/quarantine"))) {
            assertThat(quarantine).hasSize(remove ? 0 : 2);
        }
        assertThat(cache("verify").status()).isZero();
    }

    @Test
    void aMetadataFileOfSomethingElseIsDamage() throws IOException {
        store("lmcache_0_5");
        Path metadata = Path.of(chunks().getFirst() + ".metadata");
        byte[] bytes = Files.readAllBytes(metadata);
        bytes[20] ^= 1;
        Files.write(metadata, bytes);
        Invocation verify = cache("verify");
        assertThat(verify.status()).isEqualTo(1);
        assertThat(verify.err()).contains("has a metadata file that says something else than its header");
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void clearRemovesWhatIsChosenAndThenAll(String format) throws IOException {
        store(format);
        List<Path> strangers = strangers();
        String hash = json("ls").get(0).get("hash").asText();
        assertThat(json("clear", "--prefix", hash, "--yes").at("/total/files").asInt())
                .isEqualTo(1);
        assertThat(json("clear", "--model", "another", "--yes")
                        .at("/total/files")
                        .asInt())
                .isZero();
        assertThat(json("ls")).hasSize(CHUNKS - 1);
        assertThat(cache("clear", "--yes").status()).isZero();
        assertThat(json("ls")).isEmpty();
        assertThat(json("du").at("/total/files").asInt()).isZero();
        assertThat(strangers).allMatch(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gc", "repair", "clear"})
    void withoutYesAndWithoutATerminalNothingIsRemoved(String command) throws IOException {
        store("native");
        flipPayload(chunks().getFirst());
        Files.writeString(chunks().getFirst().resolveSibling("." + DEAD_WRITER + ".1.tmp"), "half a chunk");
        List<Path> before = files();
        Invocation refused = cache(command);
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("give --yes to remove, or --dry-run to look");
        assertThat(files()).isEqualTo(before);
    }

    @Test
    void whereNothingIsToGoNobodyIsAsked() {
        store("native");
        assertThat(cache("gc").status()).isZero();
        assertThat(cache("repair").status()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"y,true", "YES,true", "n,false", "'',false", "sure,false"})
    void onlyAYesIsAYes(String answer, boolean isYes) throws IOException {
        StringWriter asked = new StringWriter();
        Confirmation confirmation = new Confirmation(
                new ByteArrayInputStream((answer + "\n").getBytes(StandardCharsets.UTF_8)), () -> true);
        assertThat(confirmation.ask("Remove all?", new PrintWriter(asked))).hasValue(isYes);
        assertThat(asked).hasToString("Remove all? [y/N] ");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gc    | --ttl soon      | Option --ttl is 'soon', allowed are times",
                "gc    | --max-size much | Option --max-size is 'much', allowed are sizes",
                "clear | --prefix xyz    | Option --prefix is 'xyz', allowed are hexadecimal",
                "gc    | --json --list   | exclude each other",
            })
    void badInputIsStatusTwoAndOneLine(String command, String options, String cause) {
        store("native");
        Invocation refused = cache(command, options.split(" "));
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains(cause).hasLineCount(1);
        assertThat(refused.out()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"gc", "repair", "clear"})
    void aMissingDirectoryIsStatusTwoAndStaysMissing(String command) {
        Invocation refused = cache(command, "--yes");
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("is no directory: it does not exist").hasLineCount(1);
        assertThat(root()).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "lmcache_0_3_2", "lmcache_0_5"})
    void everyCommandWorksWhileAWriterStores(String format) throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        try (LmcacheStack stack = open(format)) {
            StoredPrompt.store(stack, PROMPT);
            strangers();
            FutureTask<Integer> writer = new FutureTask<>(() -> storeAndReadUntil(stop, stack));
            Thread.ofPlatform().daemon().start(writer);
            try {
                for (int round = 0; round < 3; round++) {
                    assertUndisturbed("ls");
                    assertUndisturbed("du");
                    assertUndisturbed("stat");
                    assertUndisturbed("verify");
                    assertUndisturbed("gc", "--yes", "--max-size", "20KiB");
                    assertUndisturbed("repair", "--yes");
                    assertUndisturbed("clear", "--yes");
                }
            } finally {
                stop.set(true);
            }
            assertThat(join(writer)).isPositive();
        }
        assertThat(cache("verify").status()).isZero();
    }

    private void assertUndisturbed(String command, String... options) {
        Invocation run = cache(command, options);
        assertThat(run.status()).as("%s: %s%s", command, run.out(), run.err()).isIn(0, 1);
        assertThat(run.err()).doesNotContain("unexpectedly", "damaged", "cannot be removed");
    }

    private static int storeAndReadUntil(AtomicBoolean stop, LmcacheStack stack) {
        int rounds = 0;
        do {
            for (int length = 16; length <= PROMPT.length; length += 16) {
                StoredPrompt.storeWhatFits(stack, StoredPrompt.tokens(length));
            }
            rounds++;
        } while (!stop.get());
        return rounds;
    }

    private static int join(FutureTask<Integer> writer) throws Exception {
        try {
            return writer.get(60, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("the writer failed", e.getCause());
        }
    }
}
