package io.lmcache.api.option;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Paths as people write them. A URL or a variable that nobody expanded is no name of a directory to create. */
final class PathTexts {
    private static final String FILE_URL = "file:///";
    private static final Pattern URL = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*://.*");
    private static final Pattern VARIABLE = Pattern.compile(".*\\$(\\w|\\{).*");
    private static final Pattern HOME_OF_ANOTHER = Pattern.compile("~[^/].*");

    private PathTexts() {}

    /** The paths of a comma separated text; empty when one is not a path, or is there twice. */
    static Optional<List<Path>> paths(String text) {
        return remark(text).isPresent()
                ? Optional.empty()
                : Optional.of(
                        OptionType.entries(text).stream().map(PathTexts::path).toList());
    }

    /** Why a comma separated text is not one of paths; empty when it is. */
    static Optional<String> remark(String text) {
        Set<Path> seen = new HashSet<>();
        for (String entry : OptionType.entries(text)) {
            Optional<String> complaint = complaint(entry);
            if (complaint.isPresent()) {
                return complaint;
            }
            if (!seen.add(path(entry))) {
                return Optional.of("'" + entry + "' is there twice");
            }
        }
        return Optional.empty();
    }

    static Path path(String entry) {
        return Path.of(expanded(entry));
    }

    private static String expanded(String entry) {
        if (entry.equals("~") || entry.startsWith("~/")) {
            return System.getProperty("user.home") + entry.substring(1);
        }
        return entry.startsWith(FILE_URL) ? entry.substring(FILE_URL.length() - 1) : entry;
    }

    private static Optional<String> complaint(String entry) {
        if (URL.matcher(entry).matches() && !entry.startsWith(FILE_URL)) {
            return Optional.of("'" + entry + "' is a URL: mount what it names and give the directory");
        }
        if (VARIABLE.matcher(entry).matches()) {
            return Optional.of("'" + entry + "' has a variable in it, which only a shell replaces: write its value");
        }
        if (HOME_OF_ANOTHER.matcher(entry).matches()) {
            return Optional.of(
                    "'" + entry + "' is in the home of another user, which only a shell finds: write it out");
        }
        try {
            path(entry);
            return Optional.empty();
        } catch (InvalidPathException e) {
            return Optional.of(reason(entry, System.getProperty("sun.jnu.encoding", "")));
        }
    }

    private static String reason(String entry, String encoding) {
        return entry.indexOf('\0') >= 0
                ? "a path has no character of number 0"
                : "'" + entry + "' has a character that file names do not have in this process's locale, whose encoding"
                        + " is " + encoding + ": start it with LC_ALL=C.UTF-8";
    }
}
