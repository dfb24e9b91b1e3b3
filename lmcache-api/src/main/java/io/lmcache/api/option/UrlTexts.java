package io.lmcache.api.option;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;
import java.util.regex.Pattern;

/** URLs as people write them. A password in one would be in every list of settings, so it is refused, and never shown. */
final class UrlTexts {
    private static final Pattern PASSWORD = Pattern.compile("(://[^/@:]*:)[^/]*@");
    private static final String HIDDEN = "$1***@";

    private UrlTexts() {}

    /** The URL of a text, none of an empty one; empty when the text is not allowed. */
    static Optional<Optional<URI>> url(String text) {
        if (text.isEmpty()) {
            return Optional.of(Optional.empty());
        }
        if (hasPassword(text)) {
            return Optional.empty();
        }
        try {
            URI url = new URI(text);
            return url.getScheme() == null || url.getRawAuthority() == null
                    ? Optional.empty()
                    : Optional.of(Optional.of(url));
        } catch (URISyntaxException e) {
            return Optional.empty();
        }
    }

    /** Why a text is not allowed, where that is not plain to see. */
    static Optional<String> remark(String text) {
        return hasPassword(text)
                ? Optional.of(
                        "it has a password in it, which everybody would see who sees the settings: leave it out and"
                                + " give it as the backend's documentation says, in a file or in the environment")
                : Optional.empty();
    }

    private static boolean hasPassword(String text) {
        return PASSWORD.matcher(text).find();
    }

    static String withoutPassword(String text) {
        return PASSWORD.matcher(text).replaceAll(HIDDEN);
    }
}
