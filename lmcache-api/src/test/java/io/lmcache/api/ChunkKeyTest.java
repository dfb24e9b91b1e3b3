package io.lmcache.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChunkKeyTest {
    private static final KvLayout LLAMA = KvLayout.kv(KvDtype.BFLOAT16, 32, 8, 128);
    private static final List<KvDtype> DTYPES = List.of(KvDtype.values());
    private static final ChunkHash HASH = ChunkHash.ofHex("0123456789abcdef".repeat(4));

    @Test
    void textIsTheDocumentedForm() {
        KeyScope scope = KeyScope.of("meta-llama/Llama-3.1-8B", LLAMA);

        assertThat(new ChunkKey(scope, HASH).text())
                .isEqualTo("meta-llama%2FLlama-3.1-8B@1@0@bfloat16@KV_2LTD-32x8x128@" + HASH.hex());
        assertThat(new ChunkKey(scope.withTags(Map.of("b", "2", "a", "1=@")), HASH).text())
                .endsWith(HASH.hex() + "@a=1%3D%40@b=2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "..",
                "../../etc/passwd",
                "/",
                "\\",
                "\0",
                "a\0b",
                "@",
                "%",
                "%2F",
                "%zz",
                "=",
                "a@b=c",
                " ",
                "\n",
                "~",
                "é",
                "e\u0301",
                "模型",
                "💾",
                "\uFFFF",
                "\uFEFF",
                "+",
                "a%"
            })
    void oddNamesSurviveTheRoundTrip(String name) {
        assertRoundTrip(new ChunkKey(KeyScope.of(name, LLAMA), HASH));
        assertRoundTrip(new ChunkKey(KeyScope.of("m", LLAMA).withTags(Map.of(name, name)), HASH));
    }

    @Test
    void nameOf300BytesSurvivesTheRoundTrip() {
        assertRoundTrip(new ChunkKey(KeyScope.of("x".repeat(300), LLAMA), HASH));
        assertRoundTrip(new ChunkKey(KeyScope.of("模".repeat(100), LLAMA), HASH));
    }

    @Test
    void randomKeysSurviveTheRoundTrip() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int i = 0; i < 5_000; i++) {
            ChunkKey key = randomKey(random);
            assertThat(ChunkKey.parse(key.text()))
                    .as("seed %d, key %d", seed, i)
                    .isEqualTo(key);
            assertThat(key.text())
                    .as("seed %d, key %d", seed, i)
                    .matches("[!-~]+")
                    .doesNotContain("/");
        }
    }

    @Test
    void keysThatDifferHaveTextsThatDiffer() {
        KeyScope oneTag = KeyScope.of("m", LLAMA).withTags(Map.of("a", "b@c=d"));
        KeyScope twoTags = KeyScope.of("m", LLAMA).withTags(Map.of("a", "b", "c", "d"));
        assertThat(oneTag.text()).isNotEqualTo(twoTags.text());
        assertThat(KeyScope.of("a@2", LLAMA).text())
                .isNotEqualTo(KeyScope.of("a", LLAMA).text());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "m",
                "m@1@0@half@KV_2LTD-1x1x1",
                "m@1@0@half@KV_2LTD-1x1x1@00112233445566",
                "@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "m@01@0@half@KV_2LTD-1x1x1@0011223344556677",
                "m@+1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "m@1@1@half@KV_2LTD-1x1x1@0011223344556677",
                "m@1@0@quarter@KV_2LTD-1x1x1@0011223344556677",
                "m@1@0@half@KV_2LTD-01x1x1@0011223344556677",
                "m@1@0@half@KV_MLA_FMT-1x2x1@0011223344556677",
                "m@1@0@half@KV_2LTD-1x1x1@00112233445566AA",
                "m@1@0@half@KV_2LTD-1x1x1@0011223344556677@tag",
                "m@1@0@half@KV_2LTD-1x1x1@0011223344556677@b=1@a=1",
                "m@1@0@half@KV_2LTD-1x1x1@0011223344556677@a=1@a=1",
                "m@1@0@half@KV_2LTD-1x1x1@0011223344556677@=1",
                "a/b@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "%6D@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "a%2fb@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "a%2@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "a%@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "%FF@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "%ED%A0%80@1@0@half@KV_2LTD-1x1x1@0011223344556677",
                "é@1@0@half@KV_2LTD-1x1x1@0011223344556677"
            })
    void textThatNoKeyPrintsIsRejected(String text) {
        assertThatThrownBy(() -> ChunkKey.parse(text))
                .hasMessageContaining("is no chunk key")
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }

    @Test
    void damagedTextIsRejectedOrAnotherKey() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int i = 0; i < 5_000; i++) {
            StringBuilder text = new StringBuilder(randomKey(random).text());
            text.setCharAt(random.nextInt(text.length()), (char) random.nextInt(0x100));
            assertRejectedOrCanonical(text.toString(), seed);
        }
    }

    private static void assertRejectedOrCanonical(String text, long seed) {
        ChunkKey key;
        try {
            key = ChunkKey.parse(text);
        } catch (LmcacheException e) {
            assertThat(e.code()).as("seed %d", seed).isEqualTo(ErrorCode.INVALID_ARGUMENT);
            return;
        }
        assertThat(key.text()).as("seed %d", seed).isEqualTo(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\uD83D", "\uDCBE", "a\uD83Db", "\uDCBE\uD83D"})
    void halfASurrogatePairIsNoName(String name) {
        assertInvalid(() -> KeyScope.of(name, LLAMA));
        assertInvalid(() -> KeyScope.of("m", LLAMA).withTags(Map.of(name, "v")));
        assertInvalid(() -> KeyScope.of("m", LLAMA).withTags(Map.of("t", name)));
    }

    @Test
    void scopeThatCannotBeIsRejected() {
        assertInvalid(() -> KeyScope.of("", LLAMA));
        assertInvalid(() -> KeyScope.of("m", LLAMA).withTags(Map.of("", "v")));
        assertInvalid(() -> new KeyScope("m", 0, 0, LLAMA, Collections.emptySortedMap()));
        assertInvalid(() -> KeyScope.of("m", LLAMA).inWorld(2, -1));
        assertInvalid(() -> KeyScope.of("m", LLAMA).inWorld(2, 2));
        assertInvalid(() -> KeyScope.of("模".repeat(KeyScope.MAX_TEXT_LENGTH / 9 + 1), LLAMA));
    }

    @Test
    void scopeCopiesItsTags() {
        TreeMap<String, String> tags = new TreeMap<>(Map.of("tenant", "a"));
        KeyScope scope = new KeyScope("m", 1, 0, LLAMA, tags);
        tags.put("tenant", "b");

        assertThat(scope.tags()).containsExactlyEntriesOf(new TreeMap<>(Map.of("tenant", "a")));
    }

    @Test
    void hashCopiesItsBytesAndComparesThem() {
        byte[] bytes = new byte[8];
        ChunkHash hash = ChunkHash.of(bytes);
        bytes[7] = 1;
        hash.toBytes()[0] = 1;

        assertThat(hash).isEqualTo(ChunkHash.ofHex("0000000000000000")).isNotEqualTo(ChunkHash.of(bytes));
        assertInvalid(() -> ChunkHash.of(new byte[7]));
        assertInvalid(() -> ChunkHash.of(new byte[65]));
        assertThat(ChunkHash.of(new byte[64]).hex()).hasSize(128);
    }

    private static void assertRoundTrip(ChunkKey key) {
        assertThat(ChunkKey.parse(key.text())).isEqualTo(key).hasSameHashCodeAs(key);
    }

    private static void assertInvalid(Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT));
    }

    private static ChunkKey randomKey(Random random) {
        TreeMap<String, String> tags = new TreeMap<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            tags.put(randomName(random, 1), randomName(random, 0));
        }
        KvDtype dtype = DTYPES.get(random.nextInt(DTYPES.size()));
        KvLayout layout = random.nextBoolean()
                ? KvLayout.kv(dtype, 1 + random.nextInt(100), 1 + random.nextInt(64), 1 + random.nextInt(256))
                : KvLayout.mla(dtype, 1 + random.nextInt(100), 1 + random.nextInt(1024));
        int worldSize = 1 + random.nextInt(16);
        byte[] hash = new byte[8 + random.nextInt(57)];
        random.nextBytes(hash);
        KeyScope scope = new KeyScope(randomName(random, 1), worldSize, random.nextInt(worldSize), layout, tags);
        return new ChunkKey(scope, ChunkHash.of(hash));
    }

    /** Any characters of Unicode, those that mean something in a key's text more often. */
    private static String randomName(Random random, int minLength) {
        StringBuilder name = new StringBuilder();
        for (int i = minLength + random.nextInt(20); i > 0; i--) {
            switch (random.nextInt(4)) {
                case 0 -> name.append("@%=/.\0-_~+ ".charAt(random.nextInt(11)));
                case 1 -> name.append((char) (' ' + random.nextInt(95)));
                case 2 -> name.append((char) random.nextInt(Character.MIN_SURROGATE));
                default -> name.appendCodePoint(0x10000 + random.nextInt(0x100000));
            }
        }
        return name.toString();
    }
}
