# cmake -DINPUT=x.css -DOUTPUT=x.c -DNAME=symbol -DHEADER=a/b.h -P embed_text.cmake
# Writes a C file that defines the constant `symbol`, declared in the header, as the text of INPUT.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"${HEADER}\"\nconst char ${NAME}[] = {${bytes}0};\n")
