/* Reports as files: one writer per suffix, one row in report_format_table.def each. */
#ifndef NN_REPORT_WRITE_H
#define NN_REPORT_WRITE_H

#include "engine/report.h"

/* The content of the file; free with nn_free. NN_UNSUPPORTED where this kind of report has nothing
 * to say in that form. */
typedef nn_status nn_report_writer(const nn_report *report, char **out);
#define NN_REPORT_FORMAT(suffix, function) nn_report_writer function;
#include "formats/report_format_table.def"
#undef NN_REPORT_FORMAT

#endif
