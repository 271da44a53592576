"""What the stand-in model says in Spanish."""

import re

from bot.sandbox.canned import CODE, Canned, long_answer, topic

_TOPICS = (
    topic(
        r"chiste|gracios|hazme re[ií]r",
        "¿Por qué el equipo en reconstrucción llevó una escalera? Le dijeron que el draft venía muy alto.",
        "Mi pateador pidió un traspaso. Le dije que era un tiro lejano. También lo falló.",
        "Un comisionado entra a un bar. La liga veta el bar, ocho votos contra cuatro.",
    ),
    topic(
        r"\b(c[oó]digo|python|script|ejemplo)\b",
        f"Así contesta un bot un comando con discord.py:\n\n{CODE}\n\n"
        "Sincroniza el árbol una vez (`await bot.tree.sync()`) y el comando aparece en todos los servidores.",
    ),
    topic(
        r"qu[eé] (puedes|sabes) hacer|qui[eé]n eres|qu[eé] eres|ay[uú]dame",
        "Respondo preguntas sobre tu liga: reglas, horarios, intercambios, avances. Mencióname, o responde a uno de "
        "mis mensajes para seguir. `/token-stats` muestra cuánto cuesto aquí, `/help` explica lo demás. (Soy el modelo "
        "de prueba del sandbox: mis respuestas están enlatadas; las cuentas son de verdad.)",
    ),
    topic(
        r"\b(cuestas?|costo|costar|tokens?|precio|caro|gast\w+)\b",
        "Cada respuesta mía queda en los libros: los tokens de entrada, los de salida y el precio. Usa `/token-stats` "
        "y elige un periodo y una división. Esta respuesta también está ahí.",
    ),
    topic(
        r"avance|avanza|\bsim\b|fecha l[ií]mite|cu[aá]ndo .*(semana|pr[oó]xim)",
        "La liga avanza el **domingo a las 20:00**. Los partidos que no se jueguen antes se simulan, salvo que ambos "
        "entrenadores hayan pedido una prórroga antes del sábado por la noche.",
        "Próximo avance: **domingo, 20:00**. Si tú y tu rival no pueden, avísenle al comisionado antes de que termine "
        "el sábado.",
    ),
    topic(
        r"horario|jugar (mi|nuestro|el) partido|zona horaria|qu[eé] hora",
        "1. Publica tres horarios que te sirvan en el canal de tu partido.\n2. Tu rival elige uno en un día.\n"
        "3. Escriban la hora acordada **con su zona horaria**.\n\n¿Sin respuesta en un día? Avísale al comisionado.",
    ),
    topic(
        r"intercambi|traspaso|\btrade\b|oferta",
        "Un buen punto de partida: **su WR2 por tu RB1 y una tercera ronda**. Tú ganas profundidad, ellos un corredor "
        "titular, y la selección lo empareja. Publícalo en #trades para que lo vea el comisionado.",
        "Piensa un intercambio en dos pasos: ¿qué le falta a *su* plantilla, y cuál de tus titulares tiene 28 o más? "
        "Ofrece lo segundo por lo primero, un año antes de que lo vean todos.",
    ),
    topic(
        r"\breglas?\b|permitid|trampa|\bjust[oa]\b|\blegal\b",
        "Las reglas en corto:\n- Juega tu partido antes del avance.\n- No abandones ni infles el marcador a "
        "propósito.\n- En cuarta oportunidad, ve por ella solo si tiene sentido.\n- Los intercambios esperan al "
        "comisionado.\n\nLa versión larga está en #rules.",
    ),
    topic(r"\bgracias\b", "De nada. ¡Suerte esta semana!", "Cuando quieras. ¡A ganar!"),
    topic(
        r"\b(hola|buen[oa]s|buen d[ií]a|qu[eé] tal|saludos)\b",
        "¡Hola! Qué bueno verte. ¿Qué pasa en la liga?",
        "¡Hola! La semana 7 está muy abierta. ¿En qué te ayudo?",
        "¡Hola! Pregúntame por los horarios, un intercambio o las reglas.",
    ),
)
_SEASON = (
    ("Pretemporada", "Llena todos los equipos, acuerden las reglas y quién decide cuando falta el comisionado."),
    ("Semanas 1 a 4", "Fíjate en quién juega a tiempo. Una palabra amable ahora evita un problema después."),
    (
        "Semanas 5 a 9",
        "Es la época de los intercambios. Pide a ambos un porqué en una frase: los malos se caen solos.",
    ),
    ("Semanas 10 a 14", "Llega la fecha límite, se aclaran los playoffs, y cada partido simulado empieza a doler."),
    ("Playoffs", "Horarios fijos, avisados con tiempo, con transmisión si se puede. Sin prórrogas."),
    ("Receso", "Retiros, renovaciones, el draft. Voten tres cambios de reglas como mucho, no más."),
)

SPANISH = Canned(
    topics=_TOPICS,
    fallback=(
        (
            "Soy el modelo de prueba del sandbox, así que no puedo pensar de verdad en “{excerpt}”. Un modelo real "
            "contesta aquí en cuanto pongas OPENAI_API_KEY; lo que cuesta se cuenta exactamente igual."
        ),
        (
            "Preguntaste: “{excerpt}”. Soy el modelo de prueba del sandbox y hasta aquí llego. Prueba con un chiste, "
            "un intercambio, las reglas, algo de código o una respuesta larga."
        ),
    ),
    nothing="nada de nada",
    pictures="Veo {seen}. Soy el modelo de prueba del sandbox: de ella solo te puedo decir el tamaño.",
    sized="una imagen de {width} × {height} píxeles ({size:,} bytes)",
    weighed="una imagen de {size:,} bytes",
    elsewhere="una imagen que está en otro servidor",
    asks_for_long=re.compile(r"\b(larg[oa]|detallad[oa]|ensayo|en detalle|todo)\b", re.IGNORECASE),
    long_answer=long_answer(
        "# Una temporada, del primer pase al último\nPediste una respuesta larga, así que aquí va el año entero.\n",
        _SEASON,
        "Escribe las fechas donde todos las encuentren, en una sola zona horaria, y fíjalas.",
        "- Di qué sigue, y cuándo.\n- Di quién tiene que hacer algo para eso.\n",
        "El calendario, para tus propios scripts",
        "    {number}: 'domingo 20:00',  # avance de la semana {number}",
        "Esa es la temporada. (Soy el modelo de prueba del sandbox; uno real te habría preguntado primero.)",
    ),
    whole_path=(
        "1. Abre `/settings` y elige la zona horaria: con ella se entienden los días, las semanas y las fechas.\n"
        "2. En `/settings`, página “Liga”: elige el rol de comisionado y el canal para los anuncios.\n"
        "3. Anota quién juega con qué equipo con `/league teams`.\n"
        "4. Crea la primera semana con `/league create`, desde una captura del calendario o escribiendo los partidos.\n"
        "5. Cuando la semana termine, anuncia la siguiente con `/league advance`.\n"
        "6. Si otros pueden gastar en IA aquí, pon un límite con `/budget set`."
    ),
    before_guide="-# Soy el modelo de prueba del sandbox y no sé traducir: así está en mi guía.",
)
