package io.lmcache.chunkfiles.format;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import java.math.BigInteger;
import java.nio.charset.CharacterCodingException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of LMCache 0.5: {@code <model>@<world size>@<rank>@<hash in hex>@<dtype>}, a layer of its own with
 * {@code @<layer>} behind that, then {@code @<tag>%<value>} for every tag; all of it quoted as in a URL.
 *
 * <p>The hash is a number, and written as one: without leading zeros, with a {@code -} when it is negative. Directories
 * go by its decimal digits. Immutable and thread-safe.
 */
final class Lmcache05Names implements LmcacheNames {
    private static final Pattern NAME = Pattern.compile(
            "([^@]+)@([1-9][0-9]{0,8})@(0|[1-9][0-9]{0,8})@(-?[1-9a-f][0-9a-f]{0,63})@([0-9a-z_]+)(?:@([0-9]{1,9}))?"
                    + "((?:@[^@%]+%[^@]*)*)");

    private final boolean signedHashes;

    /** The names; whether the first bit of a hash is a sign, as in those of LMCache's {@code builtin}. */
    Lmcache05Names(boolean signedHashes) {
        this.signedHashes = signedHashes;
    }

    @Override
    public Optional<String> objectionTo(KeyScope scope) {
        if (scope.model().contains("@")) {
            return Optional.of("LMCache parts names at '@', and the model has one; use file_format native");
        }
        for (Map.Entry<String, String> tag : scope.tags().entrySet()) {
            if (tag.getKey().contains("@")
                    || tag.getKey().contains("%")
                    || tag.getValue().contains("@")) {
                return Optional.of("LMCache parts names at '@' and tags at '%', and a tag has one of its own; use"
                        + " file_format native");
            }
        }
        return Optional.empty();
    }

    @Override
    public ScopeName of(KeyScope scope) {
        StringBuilder after =
                new StringBuilder("@").append(scope.layout().dtype().text());
        scope.tags()
                .forEach((name, value) ->
                        after.append('@').append(name).append('%').append(value));
        return new ScopeName(
                UrlQuoting.quote(scope.model() + "@" + scope.worldSize() + "@" + scope.rank() + "@"),
                UrlQuoting.quote(after.toString()));
    }

    @Override
    public String inName(ChunkHash hash) {
        return number(hash).toString(16);
    }

    @Override
    public String inDirectories(ChunkHash hash) {
        return number(hash).toString();
    }

    private BigInteger number(ChunkHash hash) {
        return signedHashes ? new BigInteger(hash.toBytes()) : new BigInteger(1, hash.toBytes());
    }

    @Override
    public Optional<LmcacheName> parse(String name) {
        try {
            Matcher matcher = NAME.matcher(UrlQuoting.unquote(name));
            return matcher.matches() ? parse(matcher) : Optional.empty();
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    private static Optional<LmcacheName> parse(Matcher parts) {
        Optional<KvDtype> dtype = KvDtype.ofText(parts.group(5));
        if (dtype.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new LmcacheName(
                parts.group(1),
                Integer.parseInt(parts.group(2)),
                Integer.parseInt(parts.group(3)),
                hash(new BigInteger(parts.group(4), 16)),
                dtype,
                parts.group(6) == null ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(parts.group(6))),
                tags(parts.group(7))));
    }

    /** The bytes of the number: 8, or 32 where these are too few. */
    private static ChunkHash hash(BigInteger number) {
        byte[] digits = number.toByteArray();
        boolean fits = number.signum() < 0 ? number.bitLength() < Long.SIZE : number.bitLength() <= Long.SIZE;
        byte[] bytes = new byte[fits ? Long.BYTES : 32];
        Arrays.fill(bytes, (byte) (number.signum() < 0 ? -1 : 0));
        int length = Math.min(digits.length, bytes.length);
        System.arraycopy(digits, digits.length - length, bytes, bytes.length - length, length);
        return ChunkHash.of(bytes);
    }

    private static SortedMap<String, String> tags(String text) {
        SortedMap<String, String> tags = new TreeMap<>();
        for (String tag : text.isEmpty() ? new String[0] : text.substring(1).split("@", -1)) {
            int separator = tag.indexOf('%');
            tags.put(tag.substring(0, separator), tag.substring(separator + 1));
        }
        return Collections.unmodifiableSortedMap(tags);
    }
}
