/* The first screen: what was measured, the large figures, the sentences that say what they mean. */
#include "formats/report_html.h"

#include <math.h>
#include <string.h>

/* ---- title ---- */

static void write_fact(nn_writer *writer, bool *first, const char *text) {
    if (text[0] == '\0') return;
    if (!*first) nn_write(writer, " <i>·</i> ");
    nn_html_text(writer, text);
    *first = false;
}

static void write_machine(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *machine = nn_json_get(page->root, "machine");
    const cJSON *model = page->variants[0].record;
    bool first = true;
    double cores = nn_json_number(machine, "cores"), threads = nn_json_number(model, "threads"),
           batch = nn_json_number(model, "batch");
    nn_write(writer, "<p class=\"machine\">");
    write_fact(writer, &first, nn_json_text(machine, "cpu"));
    write_fact(writer, &first, nn_json_text(machine, "isa"));
    write_fact(writer, &first, nn_json_text(model, "device_name"));
    if (!isnan(threads)) {
        nn_writef(writer, " <i>·</i> %.0f thread%s", threads, threads == 1 ? "" : "s");
        if (!isnan(cores)) nn_writef(writer, " of %.0f core%s", cores, cores == 1 ? "" : "s");
    }
    if (!isnan(batch)) nn_writef(writer, " <i>·</i> batch %.0f", batch);
    write_fact(writer, &first, nn_json_text(model, "precision"));
    const cJSON *blas = nn_json_get(machine, "blas");
    if (cJSON_IsString(blas)) write_fact(writer, &first, blas->valuestring);
    nn_write(writer, "</p>");
}

/* "2025-05-04T10:12:00Z" as "2025-05-04 10:12 UTC". */
static void write_date(nn_writer *writer, const char *date) {
    char text[] = "yyyy-mm-dd hh:mm UTC";
    if (strlen(date) != strlen("yyyy-mm-ddThh:mm:ssZ")) return;
    memcpy(text, date, 10);
    memcpy(text + 11, date + 11, 5);
    nn_html_text(writer, text);
}

void nn_html_head(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    nn_write(writer, "<header><p class=\"eyebrow\"><b>nnopt</b> ");
    nn_html_text(writer, nn_json_text(page->root, "kind"));
    nn_write(writer, " <i>·</i> <time>");
    write_date(writer, nn_json_text(page->root, "date"));
    nn_write(writer, "</time></p><h1>");
    nn_html_name(writer, page->variants[0].name);
    if (page->after > 0) {
        nn_write(writer, " <span class=\"to\">→</span> ");
        nn_html_name(writer, page->variants[page->after].name);
    }
    nn_write(writer, "</h1>");
    write_machine(page);
    const char *command = nn_json_text(page->root, "command");
    if (command[0] != '\0') {
        nn_write(writer, "<pre class=\"command\"><code>");
        nn_html_text(writer, command);
        nn_write(writer, "</code></pre>");
    }
    nn_write(writer, "</header>");
}

/* ---- large figures ---- */

typedef struct html_figure {
    const char *label;
    char before[NN_FIGURE], after[NN_FIGURE]; /* `before` stays empty where there is one model */
} html_figure;

static void open_figure(nn_html_page *page, const html_figure *figure) {
    nn_writer *writer = &page->writer;
    nn_writef(writer, "<div class=\"card\"><h3>%s</h3><p class=\"big\">", figure->label);
    if (figure->before[0] != '\0')
        nn_writef(writer, "<s>%s</s> <span class=\"to\">→</span> ", figure->before);
    nn_writef(writer, "<b>%s</b></p><p class=\"small\">", figure->after);
}

static void close_figure(nn_html_page *page) {
    nn_write(&page->writer, "</p></div>");
}

/* "3.2x as fast (95 %: 3.1 .. 3.3)" of a comparison, whose ratio is new time by old time. */
static void write_speed(nn_writer *writer, const cJSON *comparison) {
    double ratio = nn_json_number(comparison, "ratio"), low = nn_json_number(comparison, "low"),
           high = nn_json_number(comparison, "high");
    const char *verdict = nn_json_text(comparison, "verdict");
    if (strcmp(verdict, "no difference") == 0)
        nn_write(writer, "<em class=\"same\">no difference</em>");
    else
        nn_writef(writer, "<em class=\"%s\">%.2f× as fast</em>", ratio < 1 ? "good" : "bad",
                  1 / ratio);
    if (low > 0 && high > 0)
        nn_writef(writer, " <span>95 %%: %.2f to %.2f</span>", 1 / high, 1 / low);
}

static void write_latency(nn_html_page *page) {
    const nn_html_variant *before = &page->variants[0], *after = &page->variants[page->after];
    const cJSON *latency = nn_json_get(after->record, "latency_ms");
    char text[NN_FIGURE], low[NN_FIGURE], high[NN_FIGURE];
    if (isnan(after->total_ms)) return;
    html_figure figure = {.label = "Latency"};
    nn_html_ms(after->total_ms, figure.after);
    if (page->after > 0) nn_html_ms(before->total_ms, figure.before);
    open_figure(page, &figure);
    if (page->after > 0) {
        write_speed(&page->writer, nn_json_get(after->record, "versus_first"));
    } else {
        double least = nn_json_number(latency, "low"), most = nn_json_number(latency, "high"),
               throughput = nn_json_number(after->record, "throughput");
        nn_write(&page->writer, "<span>median");
        if (!isnan(least) && !isnan(most))
            nn_writef(&page->writer, ", 95 %%: %s to %s", nn_html_ms(least, low),
                      nn_html_ms(most, high));
        if (!isnan(throughput))
            nn_writef(&page->writer, ", %s samples/s", nn_figure(throughput, text));
        nn_write(&page->writer, "</span>");
    }
    close_figure(page);
}

/* Hundredths, and no minus before a zero. */
static double points(const cJSON *record, const char *key) {
    double value = 100 * nn_json_number(record, key);
    return fabs(value) < 0.05 ? 0 : value;
}

static void write_accuracy(nn_html_page *page) {
    const cJSON *before = nn_json_get(page->variants[0].record, "accuracy");
    const cJSON *after = nn_json_get(page->variants[page->after].record, "accuracy");
    const cJSON *change = nn_json_get(page->variants[page->after].record, "accuracy_change");
    nn_writer *writer = &page->writer;
    double value = nn_json_number(after, "value"), old = nn_json_number(before, "value");
    if (isnan(value)) return;
    html_figure figure = {.label = "Accuracy"};
    bool is_agreement = strcmp(nn_json_text(after, "metric"), "agreement") == 0;
    if (is_agreement) figure.label = "Agreement with the base";
    nn_figure_percent(value, figure.after);
    if (page->after > 0 && !isnan(old) && !is_agreement) nn_figure_percent(old, figure.before);
    open_figure(page, &figure);
    double difference = points(change, "difference");
    if (!isnan(difference) && !is_agreement) {
        bool is_same = strcmp(nn_json_text(change, "verdict"), "no difference") == 0;
        if (is_same)
            nn_write(writer, "<em class=\"same\">no difference</em>");
        else
            nn_writef(writer, "<em class=\"%s\">%+.1f points</em>", difference < 0 ? "bad" : "good",
                      difference);
        nn_writef(writer, " <span>95 %%: %+.2g to %+.2g points</span> ", points(change, "low"),
                  points(change, "high"));
    } else if (!isnan(nn_json_number(after, "low"))) {
        nn_writef(writer, "<span>95 %%: %.1f to %.1f %%</span> ",
                  100 * nn_json_number(after, "low"), 100 * nn_json_number(after, "high"));
    }
    nn_write(writer, "<span>");
    nn_html_text(writer, nn_json_text(after, "metric"));
    if (!isnan(nn_json_number(after, "samples")))
        nn_writef(writer, ", %.0f samples", nn_json_number(after, "samples"));
    if (!isnan(nn_json_number(change, "resolves")))
        nn_writef(writer, ", which resolve %.2g points", 100 * nn_json_number(change, "resolves"));
    nn_write(writer, "</span>");
    close_figure(page);
}

static void write_bytes(nn_html_page *page, const char *key, const char *label, const char *note) {
    double before = nn_json_number(page->variants[0].record, key);
    double after = nn_json_number(page->variants[page->after].record, key);
    if (!(after > 0)) return;
    html_figure figure = {.label = label};
    nn_figure_bytes(after, figure.after);
    if (page->after > 0 && before > 0) nn_figure_bytes(before, figure.before);
    open_figure(page, &figure);
    if (page->after > 0 && before > 0) {
        double ratio = after / before;
        if (fabs(ratio - 1) < 0.005)
            nn_write(&page->writer, "<em class=\"same\">no difference</em> ");
        else
            nn_writef(&page->writer, "<em class=\"%s\">%.0f %% %s</em> ",
                      ratio < 1 ? "good" : "bad", 100 * fabs(ratio - 1),
                      ratio < 1 ? "smaller" : "larger");
    }
    nn_writef(&page->writer, "<span>%s</span>", note);
    close_figure(page);
}

static void write_rate(nn_html_page *page) {
    const cJSON *record = page->variants[0].record;
    double rate = nn_json_number(record, "gflops"), peak = nn_json_number(record, "peak_fraction"),
           macs = nn_json_number(record, "macs");
    char text[NN_FIGURE];
    if (page->after > 0 || isnan(rate)) return;
    html_figure figure = {.label = "Arithmetic"};
    nn_figure_count(1e9 * rate, figure.after);
    strcat(figure.after, "FLOP/s");
    open_figure(page, &figure);
    if (!isnan(peak))
        nn_writef(&page->writer, "<em class=\"same\">%.0f %% of peak</em> ", 100 * peak);
    if (!isnan(macs))
        nn_writef(&page->writer, "<span>%sMACs a run</span>", nn_figure_count(macs, text));
    close_figure(page);
}

static void write_cards(nn_html_page *page) {
    nn_write(&page->writer, "<div class=\"cards\">");
    write_latency(page);
    write_accuracy(page);
    write_rate(page);
    write_bytes(page, "file_bytes", "Size", "model file");
    write_bytes(page, "peak_memory_bytes", "Memory", "at its highest while running");
    nn_write(&page->writer, "</div>");
}

/* ---- sentences ---- */

static void write_class(nn_writer *writer, const char *name) {
    for (; *name != '\0'; name++) {
        char one[2] = {*name == '_' ? ' ' : *name, '\0'};
        nn_html_text(writer, one);
    }
}

static const cJSON *first_bottleneck(const nn_html_page *page, int variant) {
    const cJSON *record = page->variants[variant].record;
    const cJSON *list = nn_json_get(record, "bottlenecks"),
                *one = nn_json_get(record, "bottleneck");
    return cJSON_IsArray(list) ? list->child : one;
}

static void write_claim(nn_writer *writer, const char *label, const cJSON *claim) {
    const char *text = nn_json_text(claim, "text");
    if (text[0] == '\0') return;
    nn_writef(writer, "<dt>%s</dt><dd>", label);
    nn_html_text(writer, text);
    nn_write(writer, "</dd>");
}

/* What each technique should save: a text of its own, or technique, figure and interval. */
static void write_advice(nn_writer *writer, const cJSON *advice) {
    char text[NN_FIGURE], low[NN_FIGURE], high[NN_FIGURE];
    if (!cJSON_IsArray(advice) || advice->child == NULL) return;
    nn_write(writer, "<dt>next</dt><dd><ul>");
    for (const cJSON *each = advice->child; each != NULL; each = each->next) {
        const char *words = nn_json_text(each, "text");
        double saved = nn_json_number(each, "saved_ms");
        nn_write(writer, "<li>");
        nn_html_text(writer, words);
        if (words[0] == '\0') {
            nn_write(writer, "<b>");
            nn_html_text(writer, nn_json_text(each, "technique"));
            nn_write(writer, "</b>");
            if (!isnan(saved)) nn_writef(writer, " should save %s", nn_html_ms(saved, text));
            if (!isnan(nn_json_number(each, "low")))
                nn_writef(writer, " (%s to %s)", nn_html_ms(nn_json_number(each, "low"), low),
                          nn_html_ms(nn_json_number(each, "high"), high));
        }
        nn_write(writer, "</li>");
    }
    nn_write(writer, "</ul></dd>");
}

static void write_bottleneck(nn_html_page *page, int variant, const char *label) {
    nn_writer *writer = &page->writer;
    const cJSON *bottleneck = first_bottleneck(page, variant);
    if (!cJSON_IsObject(bottleneck)) return;
    double share = nn_json_number(bottleneck, "share");
    nn_writef(writer, "<p class=\"lead\">%s <b>", label);
    write_class(writer, nn_json_text(bottleneck, "class"));
    nn_write(writer, "</b>");
    if (!isnan(share)) nn_writef(writer, ", %.0f %% of the time", 100 * share);
    nn_write(writer, ".</p><dl class=\"claims\">");
    write_claim(writer, "evidence", nn_json_get(bottleneck, "evidence"));
    write_claim(writer,
                cJSON_IsTrue(nn_json_get(bottleneck, "confirmed")) ? "confirmed" : "experiment",
                nn_json_get(bottleneck, "experiment"));
    write_advice(writer, nn_json_get(bottleneck, "advice"));
    nn_write(writer, "</dl>");
}

static void write_refused(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    const cJSON *refused = nn_json_get(page->root, "refused");
    if (!cJSON_IsArray(refused) || refused->child == NULL) return;
    nn_write(writer, "<p class=\"lead\">Not worth it: ");
    int count = 0;
    for (const cJSON *each = refused->child; each != NULL; each = each->next, count++) {
        if (count == 3) {
            nn_writef(writer, "; and %d more", cJSON_GetArraySize(refused) - count);
            break;
        }
        if (count > 0) nn_write(writer, "; ");
        nn_html_text(writer, nn_json_text(each, "technique"));
        if (nn_json_text(each, "node")[0] != '\0') {
            nn_write(writer, " of <code>");
            nn_html_name(writer, nn_json_text(each, "node"));
            nn_write(writer, "</code>");
        }
        nn_write(writer, " (");
        nn_html_text(writer, nn_json_text(each, "reason"));
        nn_write(writer, ")");
    }
    nn_write(writer, ".</p>");
}

void nn_html_verdict(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    write_cards(page);
    bool has_before = cJSON_IsObject(first_bottleneck(page, 0));
    if (!has_before && !cJSON_IsArray(nn_json_get(page->root, "refused"))) return;
    nn_html_section(writer, "verdict", page->after > 0 ? "Verdict" : "Bottleneck");
    write_bottleneck(page, 0, page->after > 0 ? "Before:" : "What limits this model is");
    if (page->after > 0) write_bottleneck(page, page->after, "Now:");
    write_refused(page);
    nn_write(writer, "</section>");
}

/* ---- several models ---- */

void nn_html_models(nn_html_page *page) {
    nn_writer *writer = &page->writer;
    char text[NN_FIGURE];
    if (page->variant_count < 3) return;
    nn_html_section(writer, "models", "Models");
    nn_write(writer, "<div class=\"scroll\"><table class=\"plain\"><thead><tr><th>model</th>"
                     "<th class=\"n\">latency</th><th class=\"n\">against the first</th>"
                     "<th>verdict</th><th class=\"n\">accuracy</th><th class=\"n\">size</th>"
                     "<th class=\"n\">memory</th></tr></thead><tbody>");
    for (int v = 0; v < page->variant_count; v++) {
        const nn_html_variant *variant = &page->variants[v];
        const cJSON *comparison = nn_json_get(variant->record, "versus_first");
        double ratio = nn_json_number(comparison, "ratio");
        nn_write(writer, "<tr><th>");
        nn_html_name(writer, variant->name);
        nn_writef(writer, "</th><td class=\"n\">%s</td><td class=\"n\">",
                  nn_html_ms(variant->total_ms, text));
        if (!isnan(ratio)) nn_writef(writer, "%.2f×", 1 / ratio);
        nn_write(writer, "</td><td>");
        nn_html_text(writer, nn_json_text(comparison, "verdict"));
        nn_writef(writer, "</td><td class=\"n\">%s</td>",
                  nn_figure_percent(
                      nn_json_number(nn_json_get(variant->record, "accuracy"), "value"), text));
        nn_writef(writer, "<td class=\"n\">%s</td>",
                  nn_figure_bytes(nn_json_number(variant->record, "file_bytes"), text));
        nn_writef(writer, "<td class=\"n\">%s</td></tr>",
                  nn_figure_bytes(nn_json_number(variant->record, "peak_memory_bytes"), text));
    }
    nn_write(writer, "</tbody></table></div></section>");
}
