package io.lmcache.backend.s3;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page of names. Only those without escapes are of use here, so that no parser of XML is needed: chunks have such names.
 *
 * @param names the names
 * @param token how to ask for the next page, escaped for a query; empty when this is the last
 */
record ListPage(List<String> names, String token) {
    private static final Pattern KEY = Pattern.compile("<Key>([^<&]+)</Key>");
    private static final Pattern TOKEN = Pattern.compile("<NextContinuationToken>([^<]+)</NextContinuationToken>");

    ListPage {
        names = List.copyOf(names);
    }

    static ListPage of(String xml) {
        List<String> names = new ArrayList<>();
        Matcher key = KEY.matcher(xml);
        while (key.find()) {
            names.add(key.group(1));
        }
        Matcher token = TOKEN.matcher(xml);
        return new ListPage(
                names, token.find() ? URLEncoder.encode(unescaped(token.group(1)), StandardCharsets.UTF_8) : "");
    }

    private static String unescaped(String text) {
        return text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&");
    }
}
